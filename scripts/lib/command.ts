import { spawn } from 'node:child_process';
import { SetupError } from './setup-error.ts';

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface CommandOutput {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  /** stdout and stderr in the order in which they came. */
  readonly output: string;
}

/** Runs a program without stdin and collects what it prints. Rejects only when it cannot be started. */
export function capture(
  file: string,
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutput> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, argv, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, stdout, output }));
  });
}

/**
 * Runs a set-up step. Answers with its stdout.
 * @throws {SetupError} with the last lines it printed and the hint, when it fails or cannot be started.
 */
export async function mustSucceed(
  file: string,
  argv: readonly string[],
  hint: string,
  options: CommandOptions = {},
): Promise<string> {
  const result = await capture(file, argv, options).catch((error: Error) => {
    throw new SetupError(`${file} could not be started: ${error.message}`, hint);
  });
  if (result.exitCode !== 0) {
    const tail = result.output.trimEnd().split('\n').slice(-20).join('\n');
    throw new SetupError(`${file} ${argv[0] ?? ''} failed (exit ${result.exitCode}):\n${tail}`, hint);
  }
  return result.stdout;
}

/** Runs a program on this process's own stdin, stdout and stderr; answers with its exit code, 1 when a signal ended it. */
export function passThrough(
  file: string,
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, argv, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: 'inherit',
    });
    child.on('error', reject);
    child.on('exit', (exitCode) => resolve(exitCode ?? 1));
  });
}
