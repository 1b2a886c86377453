import http from 'node:http';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../test-support/test-agent.ts';
import { installApiErrors } from './api-errors.ts';
import { installBodiesInFlight } from './bodies-in-flight.ts';

const MOST = 1000;
const STEP = 600;

let app: FastifyInstance;
afterEach(async () => {
  app.server.closeAllConnections();
  await app.close();
});

interface Started {
  readonly port: number;
  /** Lets the requests that are open be answered. */
  readonly answer: () => void;
  readonly entered: () => number;
}

async function start(): Promise<Started> {
  app = Fastify({ bodyLimit: 600 });
  installApiErrors(app);
  installBodiesInFlight(app, { mostBytes: MOST, stepBytes: STEP });
  const open = Promise.withResolvers<void>();
  let entered = 0;
  app.post('/hold', async () => {
    entered += 1;
    await open.promise;
    return {};
  });
  app.post('/quick', async () => ({}));
  app.post('/long', { bodyLimit: 900 }, async () => ({}));
  app.post('/endless', { bodyLimit: 2e6 }, async () => ({}));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { port, answer: open.resolve, entered: () => entered };
}

/** `chunked` bodies do not say how long they are, and those of `slow` clients have no end until one is given. */
function post({ port }: Started, path: string, length: number, { chunked = false, slow = false } = {}) {
  const body = JSON.stringify('x'.repeat(length - 2));
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  const request = http.request(
    { port, host: '127.0.0.1', path, method: 'POST', agent: false },
    (response) => {
      response.resume();
      resolve(response);
    },
  );
  request.on('error', reject);
  request.setHeader('content-type', 'application/json');
  if (chunked) request.setHeader('transfer-encoding', 'chunked');
  else request.setHeader('content-length', length);
  if (slow) request.write(body);
  else request.end(body);
  return { request, answer: promise };
}

async function status(agent: Started, length: number, chunked = false): Promise<number | undefined> {
  return (await post(agent, '/quick', length, { chunked }).answer).statusCode;
}

test('bodies that have no room beside those that are open are refused until there is some', async () => {
  const agent = await start();
  const held = post(agent, '/hold', 600);
  await eventually(() => agent.entered() === 1, 'the first is open');
  expect(await status(agent, 400)).toBe(200);
  const { statusCode, headers } = await post(agent, '/quick', 401).answer;
  expect([statusCode, headers['retry-after']]).toEqual([503, '5']);
  agent.answer();
  expect((await held.answer).statusCode).toBe(200);
  await eventually(async () => (await status(agent, 401)) === 200, 'there is room');
});

test('a refusal says how much all may have, and to send fewer at a time', async () => {
  const agent = await start();
  const held = post(agent, '/hold', 600);
  await eventually(() => agent.entered() === 1, 'the first is open');
  const refused = await fetch(`http://127.0.0.1:${String(agent.port)}/quick`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify('x'.repeat(500)),
  });
  expect(await refused.json()).toMatchObject({
    error: {
      code: 'bodies_in_flight',
      message: expect.stringMatching(/may have 0 KiB together.*send fewer large ones at a time/),
    },
  });
  agent.answer();
  await held.answer;
});

test('one of unknown length counts as long as it may be', async () => {
  const agent = await start();
  const held = post(agent, '/hold', 401);
  await eventually(() => agent.entered() === 1, 'the first is open');
  expect(await status(agent, 10, true)).toBe(503);
  expect(await status(agent, 10)).toBe(200);
  agent.answer();
  await held.answer;
});

test('one of unknown length counts by its own once it has been read', async () => {
  const agent = await start();
  const held = post(agent, '/hold', 10, { chunked: true });
  await eventually(() => agent.entered() === 1, 'the first is open');
  expect(await status(agent, 10, true)).toBe(200);
  const other = post(agent, '/hold', 400);
  await eventually(() => agent.entered() === 2, 'the second is open');
  expect([await status(agent, 591), await status(agent, 590)]).toEqual([503, 200]);
  agent.answer();
  await Promise.all([held.answer, other.answer]);
  await eventually(async () => (await status(agent, 600)) === 200, 'there is room');
});

test('one of unknown length counts as long as it may be until its last byte', async () => {
  const agent = await start();
  const held = post(agent, '/hold', 10, { chunked: true, slow: true });
  await eventually(async () => (await status(agent, 401)) === 503, 'its head is there');
  expect(await status(agent, 400)).toBe(200);
  held.request.end();
  await eventually(() => agent.entered() === 1, 'it has been read');
  expect(await status(agent, 600)).toBe(200);
  agent.answer();
  expect((await held.answer).statusCode).toBe(200);
});

test('one that turns out longer than its route takes leaves the room that it had', async () => {
  const agent = await start();
  expect(await status(agent, 5000, true)).toBe(413);
  await eventually(async () => (await status(agent, 600)) === 200, 'there is room');
  const held = post(agent, '/hold', 600);
  await eventually(() => agent.entered() === 1, 'one is open');
  expect([await status(agent, 400), await status(agent, 401)]).toEqual([200, 503]);
  agent.answer();
  await held.answer;
});

test('clients that go away leave their room, and refused ones take none', async () => {
  const agent = await start();
  const held = post(agent, '/hold', 600);
  held.answer.catch(() => {});
  await eventually(() => agent.entered() === 1, 'the first is open');
  for (let count = 0; count < 5; count += 1) expect(await status(agent, 600)).toBe(503);
  held.request.destroy();
  await eventually(async () => (await status(agent, 600)) === 200, 'there is room');
});

test('one that is larger than its route takes is told so', async () => {
  const agent = await start();
  expect(await status(agent, 5000)).toBe(413);
});

test('one of unknown length takes more room as it comes, where there is some', async () => {
  const agent = await start();
  expect((await post(agent, '/long', 900, { chunked: true }).answer).statusCode).toBe(200);
  const held = post(agent, '/hold', 400);
  await eventually(() => agent.entered() === 1, 'one is open');
  expect((await post(agent, '/long', 600, { chunked: true }).answer).statusCode).toBe(200);
  for (const [path, length] of [
    ['/long', 800],
    ['/endless', 1_900_000],
  ] as const) {
    const { statusCode, headers } = await post(agent, path, length, { chunked: true }).answer;
    expect([statusCode, headers['retry-after']]).toEqual([503, '5']);
  }
  agent.answer();
  await held.answer;
  await eventually(async () => (await status(agent, 600)) === 200, 'there is room');
});
