import path from 'node:path';
import { call, parseJson } from './call.ts';

const TIMEOUT_MS = 2000;
const EXIT_NO_ANSWER = 3;

/** The status of the agent of a root folder; rejects when none answers. */
export async function readStatus(root: string, timeoutMs: number): Promise<unknown> {
  const socketPath = path.join(root, 'run', 'admin.sock');
  const answer = await call({ target: { socketPath }, path: '/admin/status', timeoutMs });
  const status = parseJson(answer.body);
  if (answer.status !== 200 || status === null) throw new Error(`status ${String(answer.status)}`);
  return status;
}

/** Prints the status as one line of JSON; answers the exit code. */
export async function printStatus(root: string): Promise<number> {
  try {
    process.stdout.write(`${JSON.stringify(await readStatus(root, TIMEOUT_MS))}\n`);
    return 0;
  } catch {
    return EXIT_NO_ANSWER;
  }
}
