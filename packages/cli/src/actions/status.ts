import type { EventEmitter } from 'node:events';
import {
  type AdminStatus,
  CodedError,
  type HostState,
  JSON_SCHEMA_VERSION,
  type StatusDocument,
} from '@mlxfleet/protocol';
import { protocolMismatch } from '../agent-client/answer-error.ts';
import { ERRORS } from '../errors.ts';
import { gatherFacts, type HostFacts } from '../facts/facts.ts';
import { Deadline, DeadlinePassed } from '../ssh/deadline.ts';
import { errorRow } from './error-row.ts';
import type { Target } from '../deploy-types/target.ts';

type HostStatus = StatusDocument['hosts'][number];

/** Within this time a host has answered, or counts as unreachable: 8 s. */
export const STATUS_DEADLINE_MS = 8000;

/** How long an agent that does not answer yet counts as starting: a first start of new binaries is slow. */
const START_SECONDS = 60;

/** Says that a person is asked something; the promise ends with the answer. */
export type QuestionEvents = EventEmitter<{ asked: [answer: Promise<unknown>] }>;

/**
 * State of all hosts, asked at the same time: one connection and one session each. The deadline stands still while one of
 * the `questions` is open: nobody types a passphrase in eight seconds.
 */
export async function status(
  targets: readonly Target[],
  signal: AbortSignal,
  deadlineMs: number = STATUS_DEADLINE_MS,
  questions?: QuestionEvents,
): Promise<StatusDocument> {
  const deadline = new Deadline(deadlineMs, signal);
  const standStill = (answer: Promise<unknown>): void => {
    deadline.pauseDuring(answer).catch(() => undefined);
  };
  questions?.on('asked', standStill);
  try {
    const hosts = await Promise.all(targets.map(async (target) => hostStatus(target, signal, deadline)));
    return { schemaVersion: JSON_SCHEMA_VERSION, hosts };
  } finally {
    questions?.off('asked', standStill);
    deadline.end();
  }
}

async function hostStatus(
  { host, settings }: Target,
  signal: AbortSignal,
  deadline: Deadline,
): Promise<HostStatus> {
  const { name, address } = settings;
  try {
    // A connection that hangs does not look at the signal.
    const facts = await deadline.race(
      gatherFacts(host, settings, ['current', 'lock', 'service', 'admin'], { signal: deadline.signal }),
    );
    return statusRow(name, address, facts);
  } catch (error) {
    signal.throwIfAborted();
    const known =
      error instanceof DeadlinePassed
        ? new CodedError(ERRORS.STATUS_TIMEOUT, `${name}: ${error.message}`, { cause: error })
        : error;
    return { ...emptyRow(name, address), state: 'unreachable', error: errorRow(known, name) };
  }
}

function emptyRow(name: string, address: string | null): Omit<HostStatus, 'state'> {
  return {
    name,
    address,
    release: null,
    version: null,
    models: [],
    requests: null,
    tokensPerSecond: null,
    memory: null,
    uptimeSeconds: null,
    error: null,
  };
}

/** A host's row from its facts. Pure. */
function statusRow(name: string, address: string | null, facts: HostFacts): HostStatus {
  const { admin, current } = facts;
  const { state, problem, hint } = judge(facts);
  const mismatch = protocolMismatch(name, facts.agentProtocol);
  if (mismatch !== null && state !== 'stopped' && current !== null) {
    const { id: release, version } = current;
    return {
      ...emptyRow(name, address),
      state: 'degraded',
      release,
      version,
      error: errorRow(mismatch, name),
    };
  }
  return {
    ...emptyRow(name, address),
    state,
    release: current?.id ?? null,
    version: admin?.version ?? current?.version ?? null,
    ...(admin === null ? {} : agentColumns(admin)),
    error:
      problem === null
        ? null
        : errorRow(new CodedError(ERRORS.AGENT_UNHEALTHY, problem, hint === undefined ? {} : { hint }), name),
  };
}

function agentColumns(
  admin: AdminStatus,
): Pick<HostStatus, 'models' | 'requests' | 'tokensPerSecond' | 'memory' | 'uptimeSeconds'> {
  const { total_bytes: totalBytes, used_bytes: usedBytes } = admin.memory;
  return {
    models: admin.models
      .filter(({ state }) => state !== 'unloaded')
      .map(({ id, state, memory_bytes }) => ({ id, state, memoryBytes: memory_bytes })),
    requests: admin.requests,
    tokensPerSecond: admin.tokens_per_second,
    memory: usedBytes === null ? null : { totalBytes, usedBytes },
    uptimeSeconds: admin.uptime_seconds,
  };
}

interface Verdict {
  readonly state: HostState;
  readonly problem: string | null;
  /** Where the problem has more to be done about it than others. */
  readonly hint?: string;
}

function judge({ current, lock, service, admin }: HostFacts): Verdict {
  if (current === null) return { state: 'not-installed', problem: null };
  if (service?.state !== 'running') {
    if (admin === null) return { state: 'stopped', problem: null };
    return {
      state: 'degraded',
      problem: 'the agent serves without its supervisor; `mlxfleet start` brings it back',
    };
  }
  if (admin === null) {
    if (service.agentPid === null) {
      return { state: 'degraded', problem: 'the agent has ended and is being started again' };
    }
    if (elapsedSeconds(service.agentElapsed) < START_SECONDS) return { state: 'starting', problem: null };
    return { state: 'degraded', problem: 'the agent runs but does not answer' };
  }
  if (admin.release !== null && admin.release !== current.id) {
    return { state: 'degraded', problem: `the agent still runs release ${admin.release}` };
  }
  if (admin.status === 'starting') return { state: 'starting', problem: null };
  if (admin.status === 'draining') {
    return { state: 'degraded', problem: 'the agent takes no new requests (draining)' };
  }
  const failed = admin.models.find(({ state, wanted }) => state === 'failed' && wanted !== false);
  if (failed !== undefined) return failedModel(failed);
  if (!admin.worker.healthy) return { state: 'degraded', problem: `worker: ${admin.worker.status}` };
  if (current.state !== 'good') {
    // A deploy is judging it; or one was cut off by a power cut between switch and record, and nobody is.
    if (lock?.state === 'held') return { state: 'starting', problem: null };
    return {
      state: 'degraded',
      problem: `release ${current.id} was never confirmed, its deploy was cut off: deploy again to judge it, or roll back`,
    };
  }
  return { state: 'healthy', problem: null };
}

function failedModel({ id, error }: AdminStatus['models'][number]): Verdict {
  const reason = error ?? 'unknown reason';
  return {
    state: 'degraded',
    problem: reason.includes(id) ? reason : `${id} does not load: ${reason}`,
    // Not every one has had a worker: it may be missing, or there was no room.
    hint: `\`mlxfleet load ${id} HOST\` tries it again. If its worker was started, \`mlxfleet logs HOST --worker ${id}\` has its log.`,
  };
}

/** Reads `[[days-]hours:]minutes:seconds`. */
function elapsedSeconds(elapsed: string | null): number {
  const [clock, days] = (elapsed ?? '0').split('-').toReversed();
  const seconds = (clock ?? '0').split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return seconds + Number(days ?? 0) * 86_400;
}
