import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROTOCOL_VERSION } from '@mlxfleet/protocol';
import { field } from '../field.ts';
import { call, errorMessage } from './call.ts';
import { describeError } from './describe-error.ts';
import { GateFailure } from './gate-failure.ts';
import { ProcessWatch } from './process-watch.ts';
import { say } from './say.ts';
import { type Api, smokeTest } from './smoke-test.ts';
import { readStatus } from './status.ts';

export interface GateOptions {
  readonly root: string;
  /** Release id that has to answer. */
  readonly release: string;
  /** Model that has to answer; null takes one of the configuration. A vision model of that has to answer as well. */
  readonly model: string | null;
  /** Being ready is enough: no model has to answer. */
  readonly readyOnly: boolean;
  readonly timeoutMs: number;
}

const POLL_MS = 100;
const CALL_TIMEOUT_MS = 2000;

/** Waits until the agent serves, prints what it saw, answers the exit code. */
export async function gate(options: GateOptions): Promise<number> {
  const start = performance.now();
  const deadline = start + options.timeoutMs;
  try {
    const api = await waitUntilReady(options, start, deadline);
    if (options.readyOnly) return 0;
    await smokeTest(api, options.root, options.model, deadline);
    return 0;
  } catch (error) {
    const code = error instanceof GateFailure ? error.code : 'GATE_FAILED';
    say({ event: 'failed', code, message: error instanceof Error ? error.message : String(error) });
    return 1;
  }
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
