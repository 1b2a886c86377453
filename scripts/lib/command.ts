import { spawn } from 'node:child_process';
import { constants } from 'node:os';
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

/**
 * Runs a program on this process's own stdin, stdout and stderr. A signal that reaches this process is passed on, and
 * ends this process too once the program is gone. Answers with the exit code, 1 when the program died of a signal.
 */
export async function passThrough(
  file: string,
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<number> {
  let received: NodeJS.Signals | undefined;
  const child = spawn(file, argv, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: 'inherit',
  });
  const passOn = (signal: NodeJS.Signals): void => {
    received = signal;
    child.kill(signal);
  };
  for (const signal of passedOnSignals) process.on(signal, passOn);
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', resolve);
    });
    if (received) process.exit(128 + constants.signals[received]);
    return exitCode ?? 1;
  } finally {
    for (const signal of passedOnSignals) process.off(signal, passOn);
  }
}

const passedOnSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
