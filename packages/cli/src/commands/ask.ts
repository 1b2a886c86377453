import { createInterface } from 'node:readline/promises';
import type { CommandContext } from './command-context.ts';

/** Whether a person sits at both ends and can be asked. */
export function canAsk(context: CommandContext): boolean {
  return context.stdin.isTTY === true && context.output.stderr.isTTY === true && !context.output.json;
}

/** Asks a question on stderr and answers the line typed, without spaces around it; empty at end of input. */
export async function ask(context: CommandContext, question: string): Promise<string> {
  const lines = createInterface({ input: context.stdin, output: context.output.stderr, terminal: true });
  const ended = new Promise<string>((resolve) => {
    lines.once('close', () => resolve(''));
  });
  try {
    return (await Promise.race([lines.question(question, { signal: context.signal }), ended])).trim();
  } finally {
    lines.close();
  }
}
