import { once } from 'node:events';
import http, { type ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EventStream } from './event-stream.ts';

const HEARTBEAT_MS = 1000;
const HEARTBEAT = ': still here\n\n';

let server: http.Server;
let response: ServerResponse;
let stream: EventStream;
/** All that the client gets, when the stream has ended. */
let received: Promise<string>;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  const { promise, resolve } = Promise.withResolvers<ServerResponse>();
  server = http.createServer((_, answer) => {
    resolve(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  received = fetch(addressOf(server)).then(async (answer) => await answer.text());
  response = await promise;
  stream = new EventStream({
    response,
    headers: {},
    heartbeatMs: HEARTBEAT_MS,
    heartbeat: HEARTBEAT,
    onBegin: () => {},
    onOverflow: () => {},
  });
});
afterEach(async () => {
  vi.useRealTimers();
  server.close();
  await once(server, 'close');
});

function addressOf(listening: http.Server): string {
  const address = listening.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on no port');
  return `http://127.0.0.1:${String(address.port)}`;
}

test('silence is bridged by heartbeats, also after the first event', async () => {
  vi.advanceTimersByTime(2 * HEARTBEAT_MS);
  stream.write('data: a\n\n');
  vi.advanceTimersByTime(3 * HEARTBEAT_MS);
  stream.end('data: b\n\n');
  expect(await received).toBe(`${HEARTBEAT.repeat(2)}data: a\n\n${HEARTBEAT.repeat(3)}data: b\n\n`);
});

test('events of one tick are one write, and those before the end go with it', async () => {
  const write = vi.spyOn(response, 'write');
  stream.write('data: a\n\n');
  stream.write('data: b\n\n');
  await setImmediate();
  expect(write.mock.calls).toEqual([['data: a\n\ndata: b\n\n']]);
  stream.write('data: c\n\n');
  stream.end('data: d\n\n');
  expect(await received).toBe(['a', 'b', 'c', 'd'].map((data) => `data: ${data}\n\n`).join(''));
  expect(write).toHaveBeenCalledTimes(1);
});

test('a stream that is written to has none', async () => {
  for (let count = 0; count < 4; count += 1) {
    vi.advanceTimersByTime(0.75 * HEARTBEAT_MS);
    stream.write('data: a\n\n');
  }
  stream.end('');
  expect(await received).toBe('data: a\n\n'.repeat(4));
});

test('nothing follows the end', async () => {
  stream.end('data: a\n\n');
  vi.advanceTimersByTime(5 * HEARTBEAT_MS);
  expect(await received).toBe('data: a\n\n');
  expect(vi.getTimerCount()).toBe(0);
});
