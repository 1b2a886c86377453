import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Longest that a program of the operator's machine may take, a download included: 10 minutes. */
const LIMIT_MS = 600_000;

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Ends the program; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly limitMs?: number;
}

/**
 * Runs a program of the operator's machine, without a shell, and returns its stdout.
 * @throws Error whose message is the program's own last words, where it had any.
 */
export async function runProgram(
  program: string,
  arguments_: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  const { limitMs = LIMIT_MS, signal, ...place } = options;
  signal?.throwIfAborted();
  try {
    const { stdout } = await execute(program, [...arguments_], {
      ...place,
      ...(signal === undefined ? {} : { signal }),
      maxBuffer: 64 * 1024 * 1024,
      timeout: limitMs,
      // One that hangs may not listen to anything less.
      killSignal: 'SIGKILL',
    });
    return stdout;
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(explain(program, error, limitMs), { cause: error });
  }
}

function explain(program: string, error: unknown, limitMs: number): string {
  if (!(error instanceof Error)) return `${program}: ${String(error)}`;
  if ('killed' in error && error.killed === true) {
    return `${program} did not end within ${String(limitMs / 1000)} s`;
  }
  const stderr = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim() : '';
  return stderr === '' ? error.message : `${program}: ${stderr}`;
}
