import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cacheFolder, fileNameOf, idOfCacheFolder, isHubId, isModelId } from './model-id.ts';

describe('model ids', () => {
  test.each([
    'tiny-text',
    'SmolLM2-135M-Instruct',
    'mlx-community/Qwen2.5-0.5B-Instruct-4bit',
    'My model',
    'a',
  ])('%s is one', (id) => {
    expect(isModelId(id)).toBe(true);
  });

  test.each([
    '',
    '.',
    '..',
    '../models/m',
    'a/../b',
    'a/..',
    '/etc',
    '/',
    'a/b/c',
    'a//b',
    'a/',
    '.hidden',
    'a/.b',
    'a\\b',
    'C:\\x',
    'a\0b',
    'a\nb',
    '~root',
    'a%2fb',
    'x'.repeat(300),
  ])('%j is none', (id) => {
    expect(isModelId(id)).toBe(false);
  });

  test('whatever passes stays below the models folder', () => {
    const piece = fc.constantFrom(
      '..',
      '.',
      '/',
      '\\',
      '\0',
      'a',
      'B',
      '-',
      '~',
      ' ',
      '%2e',
      'é',
      '\n',
      '--',
    );
    const id = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(id, (each) => {
        if (!isModelId(each)) return;
        for (const root of ['/models', '/models/hub']) {
          for (const name of [each, cacheFolder(each), fileNameOf(each)]) {
            const resolved = path.resolve(root, name);
            expect(resolved.startsWith(`${root}/`)).toBe(true);
          }
        }
        expect(fileNameOf(each)).not.toContain('/');
      }),
      { numRuns: 2000 },
    );
  });

  test('the hub has organisation/name only', () => {
    expect(isHubId('mlx-community/Qwen2.5-0.5B')).toBe(true);
    for (const id of ['gpt2', 'a/b c', 'a/../b', 'a--b/c']) expect(isHubId(id)).toBe(false);
  });

  test('folders of a cache', () => {
    expect(cacheFolder('org/name')).toBe('models--org--name');
    expect(idOfCacheFolder('models--org--name')).toBe('org/name');
    expect(idOfCacheFolder('models--gpt2')).toBe('gpt2');
    for (const folder of ['datasets--org--name', 'models--', 'models--..--x', 'tmp', 'models--a--b--c']) {
      expect(idOfCacheFolder(folder)).toBeNull();
    }
  });
});
