import { open, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { type AgentReason, agentReason } from '../../../packages/cli/src/phases/agent-reason.ts';
import { judge, type Watched } from './agent-sight.ts';
import type { StopRequest } from './stop-request.ts';

export interface WatchOptions {
  readonly root: string;
  readonly apiPort: number;
  /** Begins the commands of the advice. */
  readonly commandLine: string;
}

const LOOK_MS = 500;
const READY_TIMEOUT_MS = 2000;
const MOST_LOG_BYTES = 64 * 1024;

/**
 * Says when the agent of a root ends, why it does not come back, and when it serves again, until asked to stop. While
 * it serves a look costs two small files and no request.
 */
export async function watchAgent(
  { root, apiPort, commandLine }: WatchOptions,
  stop: Pick<StopRequest, 'wait'>,
  say: (line: string) => void,
): Promise<void> {
  const log = path.join(root, 'logs', 'agent.log');
  // It served a moment ago: one that is gone by now has ended.
  const first = (await alive(path.join(root, 'run', 'agent.pid'))) ?? 0;
  let watched: Watched = { state: 'serving', agent: first };
  let logStart = await sizeOf(log);
  const look = async (): Promise<void> => {
    const agent = await alive(path.join(root, 'run', 'agent.pid'));
    const hasEnded = watched.state === 'ended';
    if (watched.state === 'serving' && agent === watched.agent) logStart = await sizeOf(log);
    const sight = {
      agent,
      isSupervised: (await alive(path.join(root, 'run', 'supervisor.pid'))) !== null,
      isReady: hasEnded && agent !== null && (await isReady(apiPort)),
      reason: hasEnded ? await reasonSince(log, logStart) : null,
    };
    const verdict = judge(watched, sight, commandLine);
    watched = verdict.next;
    for (const line of verdict.lines) say(line);
  };
  let looking = Promise.resolve();
  let isLooking = false;
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    looking = look().finally(() => {
      isLooking = false;
    });
  }, LOOK_MS);
  await stop.wait();
  clearInterval(timer);
  await looking;
}

/** The process id in a file; null when there is none or it has ended. */
async function alive(file: string): Promise<number | null> {
  const pid = Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10);
  if (!(pid > 0)) return null;
  try {
    process.kill(pid, 0);
    return pid;
  } catch {
    return null;
  }
}

async function isReady(port: number): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(READY_TIMEOUT_MS);
    const answer = await fetch(`http://127.0.0.1:${String(port)}/ready`, { signal });
    await answer.arrayBuffer();
    return answer.status === 200;
  } catch {
    return false;
  }
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Why an attempt failed that wrote to the log after `start`; a log that is shorter now was begun anew. */
async function reasonSince(file: string, start: number): Promise<AgentReason | null> {
  const size = await sizeOf(file);
  const from = Math.max(size < start ? 0 : start, size - MOST_LOG_BYTES);
  if (from === size) return null;
  const handle = await open(file).catch(() => null);
  if (handle === null) return null;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
    return agentReason(buffer.toString('utf8', 0, bytesRead));
  } finally {
    await handle.close();
  }
}
