import { expect, test } from 'vitest';
import { dialTcp } from './dial.ts';
import { closedPort, serveRaw } from './test-support/loopback-servers.ts';

const timeoutMs = 1000;

test('a connection tells whom it is connected to, and the signal ends it', async () => {
  const port = await serveRaw(() => {});
  const controller = new AbortController();
  const { socket, remoteAddress } = await dialTcp('127.0.0.1', port, {
    timeoutMs,
    signal: controller.signal,
  });
  expect(remoteAddress).toBe('127.0.0.1');
  controller.abort();
  expect(socket.destroyed).toBe(true);
});

test('a closed port and a signal that came before reject', async () => {
  const port = await closedPort();
  const { signal } = new AbortController();
  await expect(dialTcp('127.0.0.1', port, { timeoutMs, signal })).rejects.toThrow('ECONNREFUSED');
  await expect(dialTcp('127.0.0.1', port, { timeoutMs, signal: AbortSignal.abort() })).rejects.toThrow(
    'aborted',
  );
});

test('an address that stays silent is given up', async () => {
  // The backlog of a listening socket cannot be filled alike on every system; no time at all is too short everywhere.
  const port = await serveRaw(() => {});
  const { signal } = new AbortController();
  const dialling = dialTcp('127.0.0.1', port, { timeoutMs: 0, signal });
  const blockedUntil = performance.now() + 20;
  while (performance.now() < blockedUntil);
  await expect(dialling).rejects.toThrow('no connection in time');
});
