import { spawn } from 'node:child_process';
import { cliBundle } from '../paths.ts';
import type { StopRequest } from './stop-request.ts';

/**
 * Runs the command line with its output on ours; answers with its exit code, 1 when a signal ended it. It gets a process
 * group of its own, so that Ctrl-C reaches it once, by way of the stop request, however many times the terminal, npm and
 * the shell pass it on: the second one would make it leave at once.
 */
export function runCommandLine(argv: readonly string[], stop?: StopRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cliBundle, ...argv], {
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    const unsubscribe = stop?.subscribe(() => child.kill('SIGINT'));
    child.on('error', reject);
    child.on('exit', (exitCode) => {
      unsubscribe?.();
      resolve(exitCode ?? 1);
    });
  });
}
