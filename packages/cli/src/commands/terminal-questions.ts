import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { ReadStream, WriteStream } from 'node:tty';
import type { Output } from '../output/output.ts';
import { plainLine } from '../output/plain-text.ts';
import type { Prompts } from '../ssh/questions.ts';

interface AskOptions {
  /** What is typed is not shown. */
  readonly hidden: boolean;
  readonly signal: AbortSignal;
}

/** Opens the person's terminal, as ssh does, wherever stdin and stdout lead; null without one. */
function openTerminal(): { input: ReadStream; output: WriteStream } | null {
  try {
    const reading = openSync('/dev/tty', 'r');
    try {
      return { input: new ReadStream(reading), output: new WriteStream(openSync('/dev/tty', 'w')) };
    } catch {
      closeSync(reading);
      return null;
    }
  } catch {
    return null;
  }
}

/** Asks on the terminal itself. Null at end of input, at Ctrl-C, or where there is no terminal. */
async function askTerminal(question: string, options: AskOptions): Promise<string | null> {
  const terminal = openTerminal();
  if (terminal === null) return null;
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({
    input: terminal.input,
    output: silent,
    // In its usual mode the terminal edits the line and shows it by itself; only the editor's mode can hide it.
    terminal: options.hidden,
  });
  const ended = new Promise<null>((resolve) => {
    lines.once('close', () => resolve(null));
  });
  // The editor takes Ctrl-C for itself; the command has to hear of it.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  // Only now: whoever answers at once would be shown what is hidden.
  terminal.output.write(question);
  try {
    return await Promise.race([lines.question('', { signal: options.signal }), ended]);
  } catch {
    return null;
  } finally {
    lines.close();
    if (options.hidden) terminal.output.write('\n');
    terminal.input.destroy();
    terminal.output.destroy();
  }
}

/**
 * Questions of connecting, asked at the person's terminal while whatever is drawn there stands aside.
 * @param onQuestion told of each question; the promise ends with the answer.
 */
export function terminalQuestions(
  output: Output,
  signal: AbortSignal,
  onQuestion: (answer: Promise<unknown>) => void = () => undefined,
): Prompts {
  const ask = async (question: string, hidden: boolean): Promise<string | null> => {
    const resume = output.standAside();
    try {
      const answer = askTerminal(question, { hidden, signal });
      onQuestion(answer);
      return await answer;
    } finally {
      resume();
    }
  };
  return {
    askHostKey: async ({ host, knownAs, keyType, fingerprint }) => {
      const about = `${plainLine(host)} (${plainLine(knownAs)}) is not known yet.\n${plainLine(keyType)} key ${fingerprint}\n`;
      const answer = await ask(`${about}Trust it from now on? [yes/no] `, false);
      return /^y(es)?$/i.test(answer?.trim() ?? '');
    },
    askPassphrase: async ({ keyFile, attempt }) =>
      ask(`${attempt > 1 ? 'Wrong. ' : ''}Passphrase of ${plainLine(keyFile)}: `, true),
  };
}

/** Whether there is a terminal to ask at. */
export function hasTerminal(): boolean {
  const terminal = openTerminal();
  terminal?.input.destroy();
  terminal?.output.destroy();
  return terminal !== null;
}
