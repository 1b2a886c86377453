import path from 'node:path';
import { z } from 'zod';
import { mustSucceed } from '../../scripts/lib/command.ts';
import { ensureTextEnvironment } from '../../scripts/lib/text-environment.ts';
import type { Figures } from './collector.ts';

const lineSchema = z.object({
  clients: z.number(),
  tokensPerSecond: z.number(),
  firstTokenMsP50: z.number(),
  firstTokenMsP99: z.number(),
});

/** BatchGenerator without any server, for each number of clients: all at once, 256 new tokens each. */
export async function runRawLoop(
  folder: string,
  rounds: number,
  clients: readonly number[],
): Promise<ReadonlyMap<number, Figures>> {
  const output = await mustSucceed(
    await ensureTextEnvironment(),
    [path.join(import.meta.dirname, 'raw_loop.py'), folder, String(rounds), ...clients.map(String)],
    'The raw loop failed.',
  );
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  return new Map(
    lines.map((line) => {
      const { clients: number, ...figures } = lineSchema.parse(JSON.parse(line));
      return [number, { ...figures, failed: 0 }];
    }),
  );
}
