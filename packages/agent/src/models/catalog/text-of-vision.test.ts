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
