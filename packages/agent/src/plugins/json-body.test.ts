import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { baseApp } from '../base-app.ts';

const app = baseApp(pino({ level: 'silent' }));
beforeAll(async () => {
  app.post('/large', { bodyLimit: 2 * 1024 ** 2 }, async () => ({}));
  app.post('/small', async () => ({}));
  await app.ready();
});
afterAll(async () => {
  await app.close();
});

test.each<[string, string, string | Buffer, number, string, string]>([
  ['no JSON', '/small', '{"a":', 400, 'broken_json', 'The request body is not valid JSON.'],
  ['nothing', '/small', '', 400, 'broken_json', 'The request body is empty; it must be a JSON object.'],
  [
    'a name of prototypes',
    '/small',
    '{"a":[{"__proto__":{}}]}',
    400,
    'invalid_value',
    "The request body holds a field '__proto__', or 'prototype' in a 'constructor', which no field may be called.",
  ],
  [
    'bytes that are no UTF-8',
    '/small',
    Buffer.from('{"model":"\xff\xfe"}', 'latin1'),
    400,
    'broken_json',
    'The request body is not UTF-8.',
  ],
  [
    'more than a small route takes',
    '/small',
    `"${'x'.repeat(70_000)}"`,
    413,
    'body_too_large',
    'The request body is too large: this route takes 64 KiB.',
  ],
  [
    'more than a large route takes',
    '/large',
    `"${'x'.repeat(3_000_000)}"`,
    413,
    'body_too_large',
    'The request body is too large: this route takes 2 MiB.',
  ],
])('refuses %s', async (_, url, payload, status, code, message) => {
  const headers = { 'content-type': 'application/json' };
  const answer = await app.inject({ method: 'POST', url, headers, payload });
  expect([answer.statusCode, answer.json()]).toMatchObject([status, { error: { code, message } }]);
});
