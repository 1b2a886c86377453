import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Runs a program of the operator's machine, without a shell, and returns its stdout. */
export async function runProgram(
  program: string,
  arguments_: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const { stdout } = await execute(program, [...arguments_], { ...options, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}
