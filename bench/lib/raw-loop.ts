import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';

const roundSchema = z.object({
  tokens: z.number(),
  seconds: z.number(),
  first_token_ms: z.array(z.number()),
});
/** What one round gave: completion tokens, wall seconds, milliseconds to each first token. */
export type RawRound = z.infer<typeof roundSchema>;

/** mlx-lm's BatchGenerator without a server, kept running so that its rounds can stand between those of servers. */
export interface RawLoop {
  /** One user message per answer, all at once, and the tokens of each answer. */
  run(prompts: readonly string[], maxTokens: readonly number[]): Promise<RawRound>;
  stop(): Promise<void>;
}

/**
 * Starts it with the model in `folder` and this interpreter, which has mlx-lm.
 * @throws Error from `run` when the program has ended.
 */
export async function startRawLoop(folder: string, python: string): Promise<RawLoop> {
  const child = spawn(python, [path.join(import.meta.dirname, 'raw_loop.py'), folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    run: async (prompts, maxTokens) => {
      child.stdin.write(`${JSON.stringify({ prompts, max_tokens: maxTokens })}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error('the raw loop has ended');
      return roundSchema.parse(JSON.parse(line.value));
    },
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
}
