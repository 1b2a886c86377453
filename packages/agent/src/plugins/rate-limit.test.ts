import { createHash } from 'node:crypto';
import type { RateLimit } from '@mlxfleet/protocol';
import Fastify, { type FastifyInstance } from 'fastify';
import { expect, test } from 'vitest';
import { installApiErrors } from './api-errors.ts';
import { installRateLimit } from './rate-limit.ts';

const ADMIN_TOKEN = 'a'.repeat(64);

interface TestApp {
  readonly app: FastifyInstance;
  /** Statuses of so many requests, one after the other. */
  readonly send: (
    count: number,
    headers?: Readonly<Record<string, string>>,
    url?: string,
  ) => Promise<number[]>;
  readonly pass: (ms: number) => void;
  readonly refused: () => number;
}

function start(limit: RateLimit | null, keys: readonly string[] = []): TestApp {
  const app = Fastify();
  let now = 0;
  let refused = 0;
  installApiErrors(app);
  installRateLimit(app, {
    limit,
    keyHashes: keys.map((key) => createHash('sha256').update(key).digest('hex')),
    adminToken: ADMIN_TOKEN,
    now: () => now,
    onRefused: () => {
      refused += 1;
    },
  });
  for (const url of ['/v1/chat/completions', '/v1/embeddings']) {
    app.post(url, { config: { modelWork: true } }, async () => ({}));
  }
  app.post('/v1/responses/:id/cancel', { config: { modelWork: false } }, async () => ({}));
  app.get('/v1/models', async () => ({}));
  return {
    app,
    send: async (count, headers = {}, url = '/v1/chat/completions') => {
      const statuses: number[] = [];
      for (let index = 0; index < count; index += 1) {
        const method = url === '/v1/models' ? 'GET' : 'POST';
        const { statusCode } = await app.inject({ method, url, headers: { ...headers } });
        statuses.push(statusCode);
      }
      return statuses;
    },
    pass: (ms) => {
      now += ms;
    },
    refused: () => refused,
  };
}

const LIMIT: RateLimit = { per_minute: 60, burst: 2 };

const ALL_CLIENTS =
  'No API keys are configured, and all clients together may send 30 requests a minute, and 1 at once.';

test('refuses with 429, the code and Retry-After, until the time has come', async () => {
  const { app, send, pass, refused } = start({ per_minute: 30, burst: 1 });
  expect(await send(1)).toEqual([200]);
  const answer = await app.inject({ method: 'POST', url: '/v1/chat/completions' });
  expect([answer.statusCode, answer.headers['retry-after'], answer.json()]).toMatchObject([
    429,
    '2',
    { error: { type: 'rate_limit_error', code: 'rate_limit_exceeded', message: ALL_CLIENTS } },
  ]);
  expect(refused()).toBe(1);
  pass(1999);
  expect(await send(1)).toEqual([429]);
  pass(1);
  expect(await send(2)).toEqual([200, 429]);
});

test('each configured key has a bucket of its own, in either header', async () => {
  const { send } = start(LIMIT, ['one', 'two']);
  expect(await send(3, { authorization: 'Bearer one' })).toEqual([200, 200, 429]);
  expect(await send(1, { 'x-api-key': 'one' })).toEqual([429]);
  expect(await send(3, { 'x-api-key': 'two' })).toEqual([200, 200, 429]);
});

test('a client with a key of its own is told of that key', async () => {
  const { app } = start({ per_minute: 30, burst: 1 }, ['one']);
  const request = { method: 'POST', url: '/v1/embeddings', headers: { 'x-api-key': 'one' } } as const;
  await app.inject(request);
  expect((await app.inject(request)).json()).toMatchObject({
    error: { message: 'This API key may send 30 requests a minute, and 1 at once.' },
  });
});

test('keys that nobody checks are one client: a new key is no way round', async () => {
  const { send } = start(LIMIT);
  expect(await send(1)).toEqual([200]);
  expect(await send(1, { authorization: 'Bearer x1' })).toEqual([200]);
  expect(await send(1, { authorization: 'Bearer x2' })).toEqual([429]);
});

test('counts what makes a model work, on whatever spelling of the URL, and nothing else', async () => {
  const { send } = start(LIMIT);
  expect(await send(5, {}, '/v1/models')).toEqual(Array(5).fill(200));
  expect(await send(5, {}, '/v1/responses/a/cancel')).toEqual(Array(5).fill(200));
  expect(await send(2, {}, '/v1/embeddings')).toEqual([200, 200]);
  expect(await send(1, {}, '/v1/%63hat/completions')).toEqual([429]);
});

test('the admin token is not counted, a wrong one is', async () => {
  const { send } = start(LIMIT);
  expect(await send(5, { 'x-admin-token': ADMIN_TOKEN })).toEqual(Array(5).fill(200));
  expect(await send(3, { 'x-admin-token': 'b'.repeat(64) })).toEqual([200, 200, 429]);
});

test('without a limit nothing is refused', async () => {
  const { send } = start(null);
  expect(await send(100)).toEqual(Array(100).fill(200));
});
