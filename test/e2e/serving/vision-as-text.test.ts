import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { TEXT_OF_VISION } from '../../../packages/agent/src/models/catalog/text-of-vision.ts';
import { ensureTinyVision } from '../../../scripts/lib/models.ts';
import { ensureTextEnvironment } from '../../../scripts/lib/text-environment.ts';
import { startAgent } from '../../support/agent-process.ts';

/** Of the same module of mlx-lm as qwen3_5, but for its mixtures of experts. */
const UNTESTED: ReadonlySet<unknown> = new Set(['qwen3_5_moe']);

test('mlx-lm loads each family whose text is served without the vision environment', async () => {
  const folder = await ensureTinyVision();
  const families = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const script = path.join(import.meta.dirname, 'load_as_text.py');
  const folders = families.map(({ name }) => path.join(folder, name));
  const { stdout } = await promisify(execFile)(await ensureTextEnvironment(), [script, ...folders]);
  const loaded = new Set(stdout.trim().split('\n'));
  const expected = [...TEXT_OF_VISION].filter((family) => !UNTESTED.has(family));
  expect(expected.filter((family) => !loaded.has(String(family)))).toEqual([]);
});

test('a host without the vision environment serves the text of such a model, and says what the others need', async () => {
  const folder = await ensureTinyVision();
  const agent = await startAgent({
    models: [],
    modelFolders: { gemma3: path.join(folder, 'gemma3'), smolvlm: path.join(folder, 'smolvlm') },
  });
  try {
    const ask = async (model: string) =>
      await agent.client.chat.completions.create({
        model,
        messages: [{ role: 'user', content: 'hello' }],
        max_tokens: 4,
      });
    const answer = await ask('gemma3');
    expect(answer.usage?.completion_tokens).toBeGreaterThan(0);
    await expect(ask('smolvlm')).rejects.toMatchObject({
      status: 503,
      code: 'vision_environment_missing',
      message: expect.stringContaining('set vision: true in the inventory'),
    });
  } finally {
    await agent.stop();
  }
});
