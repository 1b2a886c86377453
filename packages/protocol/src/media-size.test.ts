import { expect, test } from 'vitest';
import { mediaSizeText } from './media-size.ts';

test.each([
  [0, '0 bytes'],
  [99_999, '99999 bytes'],
  [100_000, '0.1 MB'],
  [10_000_000, '10 MB'],
  [10_000_001, '10.01 MB'],
  [11_415_040, '11.42 MB'],
])('%d bytes are %s', (bytes, text) => {
  expect(mediaSizeText(bytes)).toBe(text);
});
