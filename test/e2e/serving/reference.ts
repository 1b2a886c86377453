import { execFile } from 'node:child_process';
import path from 'node:path';
import { z } from 'zod';
import { ensureTextEnvironment } from '../../../scripts/lib/text-environment.ts';
import { testModel, type TestModel } from '../../support/test-model.ts';

const replySchema = z.object({ tokens: z.array(z.array(z.int())) });

/** Token ids that mlx_lm itself generates greedily for each prompt as a single user message, one after the other. */
export async function greedyTokens(
  model: TestModel,
  prompts: readonly string[],
  maxTokens: number,
): Promise<number[][]> {
  const script = path.join(import.meta.dirname, 'reference_generate.py');
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = execFile(
    await ensureTextEnvironment(),
    [script],
    { maxBuffer: 64 * 1024 * 1024 },
    (error, stdout, stderr) => {
      if (error) reject(new Error(`the reference failed: ${stderr}`, { cause: error }));
      else resolve(stdout);
    },
  );
  child.stdin?.end(JSON.stringify({ model: await testModel(model), max_tokens: maxTokens, prompts }));
  return replySchema.parse(JSON.parse(await promise)).tokens;
}
