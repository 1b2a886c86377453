import { execFile } from 'node:child_process';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';

/** A question to `ssh` or `ssh-keygen`. */
export interface ToolCall {
  readonly program: 'ssh' | 'ssh-keygen';
  readonly words: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export interface ToolAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A `Match exec` of ssh_config runs a foreign program, which may hang: 5 s. */
export const LIMIT_MS = 5000;

/**
 * Runs the program as a child of this process, without a shell and without input.
 * @throws CodedError SSH_MISSING, SSH_CONFIG_INVALID.
 */
export async function askAlone({ program, words, env }: ToolCall): Promise<ToolAnswer> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      [...words],
      { env, timeout: LIMIT_MS, maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) {
          resolve({ exitCode: 0, stdout, stderr });
        } else if (error.code === 'ENOENT' || error.code === 'EACCES') {
          reject(
            new CodedError(ERRORS.SSH_MISSING, `the program ${program} is not installed`, { cause: error }),
          );
        } else if (typeof error.code === 'number') {
          resolve({ exitCode: error.code, stdout, stderr });
        } else {
          reject(overdue(program, error));
        }
      },
    );
    child.stdin?.end();
  });
}

/** A program that was ended because it took too long. */
export function overdue(program: ToolCall['program'], cause?: Error): CodedError {
  const message = `${program} did not end within ${String(LIMIT_MS / 1000)} s`;
  return new CodedError(ERRORS.SSH_CONFIG_INVALID, message, cause === undefined ? {} : { cause });
}
