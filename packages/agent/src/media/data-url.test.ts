import { expect, test } from 'vitest';
import { parseDataUrl } from './data-url.ts';

test.each([
  ['data:image/png;base64,AAAA', { mediaType: 'image/png', isBase64: true, data: 'AAAA' }],
  ['DATA:Image/PNG;BASE64,AA,A', { mediaType: 'image/png', isBase64: true, data: 'AA,A' }],
  [
    'data:application/pdf;name=a b.pdf;base64,JVBE',
    { mediaType: 'application/pdf', isBase64: true, data: 'JVBE' },
  ],
  ['data:image/svg+xml,<svg>', { mediaType: 'image/svg+xml', isBase64: false, data: '<svg>' }],
  ['data:image/png;base64;x=y,AAAA', { mediaType: 'image/png', isBase64: false, data: 'AAAA' }],
  ['data:;base64,AAAA', { mediaType: '', isBase64: true, data: 'AAAA' }],
  ['data:,', { mediaType: '', isBase64: false, data: '' }],
  [' data:text/plain;base64,', { mediaType: 'text/plain', isBase64: true, data: '' }],
])('%s', (url, parts) => {
  expect(parseDataUrl(url)).toEqual(parts);
});

test.each(['', 'data:', 'data:image/png;base64', 'https://a/b,c', 'xdata:,a', `data:${'x'.repeat(2000)},a`])(
  '%j is none',
  (url) => {
    expect(parseDataUrl(url)).toBeNull();
  },
);
