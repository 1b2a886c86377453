import { execFile } from 'node:child_process';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';

export interface ToolAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A `Match exec` of ssh_config runs a foreign program, which may hang: 5 s. */
const LIMIT_MS = 5000;

/**
 * Runs `ssh` or `ssh-keygen` for what they know, without a shell and without input.
 * @throws CodedError SSH_MISSING when the program is not installed, SSH_CONFIG_INVALID when it does not end in time.
 */
export async function runSshTool(
  program: 'ssh' | 'ssh-keygen',
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ToolAnswer> {
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
          const message = `${program} did not end within ${String(LIMIT_MS / 1000)} s`;
          reject(new CodedError(ERRORS.SSH_CONFIG_INVALID, message, { cause: error }));
        }
      },
    );
    child.stdin?.end();
  });
}
