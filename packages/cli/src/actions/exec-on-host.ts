import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { quote } from '../remote-commands/quote.ts';
import { runScript } from '../remote-commands/run-script.ts';
import { script } from '../remote-commands/script.ts';
import type { Target } from './target.ts';

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Told each line as it comes. */
export type ExecListener = (stream: 'stdout' | 'stderr', line: string) => void;

/**
 * Runs a command on one host with nothing on its stdin. One word is a line of shell, as with ssh; several are a program
 * and its arguments, which reach it as they are.
 */
export async function execOnHost(
  target: Target,
  command: readonly string[],
  listener: ExecListener,
  signal: AbortSignal,
): Promise<ExecResult> {
  if (command.length === 0) throw new CodedError(ERRORS.WRONG_USAGE, 'exec needs a command');
  const line = command.length === 1 ? command.join('') : command.map((word) => quote(word)).join(' ');
  const stdout: string[] = [];
  const stderr: string[] = [];
  const remote = script(['lib', 'exec'], { ROOT: target.settings.root, COMMAND_LINE: line });
  const answer = await runScript(
    target.host,
    remote,
    (text) => {
      stdout.push(`${text}\n`);
      listener('stdout', text);
    },
    {
      holdStdin: true,
      signal,
      onErrorLine: (text) => {
        stderr.push(`${text}\n`);
        listener('stderr', text);
      },
    },
  );
  return { exitCode: answer.exitCode, stdout: stdout.join(''), stderr: stderr.join('') };
}
