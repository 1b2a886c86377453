import { expect, test } from 'vitest';
import { taskOnHost } from './text-of-vision.ts';

test('a host without the vision environment serves the text of families that mlx-lm knows', () => {
  const gemma = { model_type: 'gemma3' };
  expect(taskOnHost('vision', gemma, true)).toBe('vision');
  expect(taskOnHost('vision', gemma, false)).toBe('generate');
  for (const config of [{ model_type: 'idefics3' }, {}, null]) {
    expect(taskOnHost('vision', config, false)).toBe('vision');
  }
  expect(taskOnHost('embed', gemma, false)).toBe('embed');
});

test.each([
  ['vision', 'generate'],
  [undefined, 'vision'],
  [null, 'vision'],
  [false, 'vision'],
])('a Gemma 4 whose images attend by %j is for %s, also with the vision environment', (attention, task) => {
  const config = { model_type: 'gemma4', text_config: { use_bidirectional_attention: attention } };
  const written: unknown = JSON.parse(JSON.stringify(config));
  expect(taskOnHost('vision', written, true)).toBe(task);
  expect(taskOnHost('vision', written, false)).toBe('generate');
});
