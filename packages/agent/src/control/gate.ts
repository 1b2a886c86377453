import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROTOCOL_VERSION } from '@mlxfleet/protocol';
import { field } from '../field.ts';
import { type Answer, call, errorMessage, parseJson } from './call.ts';
import { ProcessWatch } from './process-watch.ts';
import { StreamReader } from './stream-reader.ts';
import { readStatus } from './status.ts';

export interface GateOptions {
  readonly root: string;
  /** Release id that has to answer. */
  readonly release: string;
  /** Model that has to answer; null takes the first that is present and completes texts. */
  readonly model: string | null;
  /** Being ready is enough: no model has to answer. */
  readonly readyOnly: boolean;
  readonly timeoutMs: number;
}

/** Why a gate stays shut. */
class GateFailure extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const POLL_MS = 100;
const CALL_TIMEOUT_MS = 2000;
const SMOKE_TOKENS = 16;

/** Waits until the agent serves, prints what it saw, answers the exit code. */
export async function gate(options: GateOptions): Promise<number> {
  const start = performance.now();
  const deadline = start + options.timeoutMs;
  try {
    const api = await waitUntilReady(options, start, deadline);
    if (options.readyOnly) return 0;
    const model = options.model ?? (await firstModel(options.root, deadline));
    if (model !== null) await complete(api, model, deadline);
    return 0;
  } catch (error) {
    const code = error instanceof GateFailure ? error.code : 'GATE_FAILED';
    say({ event: 'failed', code, message: error instanceof Error ? error.message : String(error) });
    return 1;
  }
}

/** How the main API is reached. */
interface Api {
  readonly target: { readonly host: string; readonly port: number };
  readonly headers: Readonly<Record<string, string>>;
}

function say(event: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

async function waitUntilReady(options: GateOptions, start: number, deadline: number): Promise<Api> {
  const { root, release } = options;
  const watch = new ProcessWatch(path.join(root, 'run', 'agent.pid'));
  let obstacle = 'no agent answers';
  while (performance.now() < deadline) {
    const status = await readStatus(root, CALL_TIMEOUT_MS).catch(() => null);
    if (status !== null) {
      const found = field(status, 'release');
      const api = await mainApi(root, status);
      if (found !== release) {
        obstacle = `the agent that answers is of ${typeof found === 'string' ? `release ${found}` : 'no release'}`;
      } else {
        refuseOtherProtocol(status);
        const ready = await call({ ...api, path: '/ready', timeoutMs: CALL_TIMEOUT_MS }).catch(describeError);
        if (ready.status === 200) {
          const seconds = (performance.now() - start) / 1000;
          say({ event: 'ready', release, version: field(status, 'version'), seconds });
          return api;
        }
        obstacle = errorMessage(ready);
      }
    } else if (await watch.isGone()) {
      throw new GateFailure('AGENT_ENDED', 'the process of the agent has ended');
    }
    await sleep(POLL_MS);
  }
  throw new GateFailure('GATE_TIMEOUT', `not ready in time: ${obstacle}`);
}

function describeError(error: unknown): Answer {
  const message = error instanceof Error ? error.message : String(error);
  return { status: 0, body: JSON.stringify({ error: { message: `the main API: ${message}` } }) };
}

function refuseOtherProtocol(status: unknown): void {
  const version = field(status, 'protocol_version');
  if (version === PROTOCOL_VERSION) return;
  throw new GateFailure(
    'PROTOCOL_MISMATCH',
    `the agent speaks protocol ${JSON.stringify(version)}, expected ${String(PROTOCOL_VERSION)}`,
  );
}

/** A wildcard bind is reached by loopback; the admin token stands in for an API key. */
async function mainApi(root: string, status: unknown): Promise<Api> {
  const bind = field(status, 'bind');
  const isWildcard = bind === '0.0.0.0' || bind === '::' || typeof bind !== 'string';
  const token = await readFile(path.join(root, 'shared', 'admin-token'), 'utf8').catch(() => '');
  return {
    target: {
      host: isWildcard ? '127.0.0.1' : bind,
      port: Number(field(field(status, 'ports'), 'main')),
    },
    headers: { 'x-admin-token': token.trim() },
  };
}

/** The first model that can complete a text: embedding models stand among them, and a host may have no others. */
async function firstModel(root: string, deadline: number): Promise<string | null> {
  const target = { socketPath: path.join(root, 'run', 'admin.sock') };
  const answer = await call({ target, path: '/admin/models', timeoutMs: remaining(deadline) });
  const models: unknown = field(parseJson(answer.body), 'models');
  if (answer.status !== 200 || !Array.isArray(models)) {
    throw new GateFailure('GATE_FAILED', `the models of the host are not told: ${errorMessage(answer)}`);
  }
  const first: unknown = models.find(
    (model: unknown) => field(model, 'present') === true && field(model, 'task') === 'generate',
  );
  const id = field(first, 'id');
  return typeof id === 'string' ? id : null;
}

/** A model without a chat template still has to complete. */
async function complete(api: Api, model: string, deadline: number): Promise<void> {
  const text = 'What is the capital of France?';
  const chat = { messages: [{ role: 'user', content: text }] };
  const answer = await completeOnce(api, '/v1/chat/completions', { model, ...chat }, deadline);
  if (answer === null) return;
  if (answer.status === 400) {
    const plain = await completeOnce(api, '/v1/completions', { model, prompt: text }, deadline);
    if (plain === null) return;
  }
  throw new GateFailure('COMPLETION_FAILED', `${model} does not answer: ${errorMessage(answer)}`);
}

/** Null when it worked, which is printed; else the answer that did not. */
async function completeOnce(api: Api, route: string, body: object, deadline: number): Promise<Answer | null> {
  const reader = new StreamReader();
  const answer = await call({
    ...api,
    path: route,
    json: {
      ...body,
      max_tokens: SMOKE_TOKENS,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    },
    timeoutMs: remaining(deadline),
    onText: (piece) => {
      reader.push(piece);
    },
  }).catch(describeError);
  if (answer.status !== 200) return answer;
  if (reader.error !== null || !reader.isComplete) {
    throw new GateFailure('COMPLETION_FAILED', reader.error ?? 'the stream ended early');
  }
  say({ event: 'completion', model: field(body, 'model'), ...reader.figures() });
  return null;
}

function remaining(deadline: number): number {
  return Math.max(1, Math.floor(deadline - performance.now()));
}
