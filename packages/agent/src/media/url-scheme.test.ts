import { expect, test } from 'vitest';
import { urlScheme } from './url-scheme.ts';

test.each([
  ['https://a/b', 'https'],
  [' DATA:,', 'DATA'],
  ['file:///a', 'file'],
  ['iVBORw0KGgo=', null],
  ['/etc/passwd', null],
  ['', null],
  [`${'x'.repeat(100)}:`, null],
])('%j', (text, scheme) => {
  expect(urlScheme(text)).toBe(scheme);
});
