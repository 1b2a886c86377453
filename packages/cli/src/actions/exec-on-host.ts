import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { quote } from '../remote-commands/quote.ts';
import { runScript } from '../remote-commands/run-script.ts';
import { script } from '../remote-commands/script.ts';
import type { Target } from '../deploy-types/target.ts';

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Characters of each stream that a result keeps; a listener is told everything: 8 Mi. */
const KEPT_CHARACTERS = 8 * 1024 * 1024;

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
  keptCharacters: number = KEPT_CHARACTERS,
): Promise<ExecResult> {
  if (command.length === 0) throw new CodedError(ERRORS.WRONG_USAGE, 'exec needs a command');
  const line = command.length === 1 ? command.join('') : command.map((word) => quote(word)).join(' ');
  const stdout = new KeptText(keptCharacters);
  const stderr = new KeptText(keptCharacters);
  const remote = script(['lib', 'exec'], { ROOT: target.settings.root, COMMAND_LINE: line });
  const answer = await runScript(
    target.host,
    remote,
    (text) => {
      stdout.add(text);
      listener('stdout', text);
    },
    {
      holdStdin: true,
      signal,
      onErrorLine: (text) => {
        stderr.add(text);
        listener('stderr', text);
      },
    },
  );
  return { exitCode: answer.exitCode, stdout: stdout.text, stderr: stderr.text };
}

/** The first lines of a stream, as many as there is room for, and a last line that says how many were left out. */
class KeptText {
  readonly #lines: string[] = [];
  #room: number;
  #cut = 0;

  constructor(room: number) {
    this.#room = room;
  }

  add(line: string): void {
    this.#room -= line.length + 1;
    if (this.#room >= 0) this.#lines.push(`${line}\n`);
    else this.#cut += 1;
  }

  get text(): string {
    const end = this.#cut === 0 ? '' : `[mlxfleet: ${String(this.#cut)} more lines are left out]\n`;
    return this.#lines.join('') + end;
  }
}
