import { expect, test } from 'vitest';
import { redirectIn } from './response-rules.ts';

test.each([
  {},
  { 'content-type': 'image/png' },
  { 'content-type': 'IMAGE/WebP; q=1' },
  { 'content-type': 'application/pdf' },
  { 'content-type': 'application/octet-stream' },
  { 'content-encoding': 'identity', 'content-length': '100' },
])('a body with %o is read', (headers) => {
  expect(redirectIn(200, headers, 100)).toBeNull();
});

test.each([
  [200, { 'content-type': 'text/html; charset=utf-8' }, 'failed'],
  [200, { 'content-type': 'application/json' }, 'failed'],
  [200, { 'content-type': 'imagery/png' }, 'failed'],
  [200, { 'content-encoding': 'gzip' }, 'failed'],
  [200, { 'content-encoding': 'identity, br' }, 'failed'],
  [200, { 'content-length': '101' }, 'large'],
  [201, {}, 'failed'],
  [204, {}, 'failed'],
  [206, { 'content-type': 'image/png' }, 'failed'],
  [300, { location: '/x' }, 'failed'],
  [302, {}, 'failed'],
  [304, { location: '/x' }, 'failed'],
  [404, {}, 'failed'],
  [500, {}, 'failed'],
  [undefined, {}, 'failed'],
])('status %s with %o is refused', (status, headers, kind) => {
  expect(() => redirectIn(status, headers, 100)).toThrow(expect.objectContaining({ kind }));
});

test.each([301, 302, 303, 307, 308])('status %d leads to its Location', (status) => {
  expect(redirectIn(status, { location: '/x', 'content-encoding': 'gzip' }, 100)).toBe('/x');
});
