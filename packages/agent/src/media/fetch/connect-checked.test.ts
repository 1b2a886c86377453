import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { connectChecked } from './connect-checked.ts';
import type { Dial } from './dial.ts';

function connectWith(addresses: readonly string[], answer: (address: string) => string) {
  const dialled: string[] = [];
  const sockets: Socket[] = [];
  const dial: Dial = async (address) => {
    dialled.push(address);
    const remoteAddress = answer(address);
    if (remoteAddress === '') throw new Error('ECONNREFUSED');
    const socket = new Socket();
    sockets.push(socket);
    return { socket, remoteAddress };
  };
  const { signal } = new AbortController();
  const options = { port: 80, dial, timeoutMs: 100, signal };
  return { connecting: connectChecked(addresses, options), dialled, sockets };
}

test('the first address that takes a connection is used', async () => {
  const { connecting, dialled, sockets } = connectWith(['1.1.1.1', '2606:4700::1', '8.8.8.8'], (address) =>
    address === '1.1.1.1' ? '' : address,
  );
  expect(await connecting).toBe(sockets[0]);
  expect(dialled).toEqual(['1.1.1.1', '2606:4700::1']);
});

test('no more than three addresses are tried', async () => {
  const { connecting, dialled } = connectWith(['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'], () => '');
  await expect(connecting).rejects.toMatchObject({ kind: 'failed' });
  expect(dialled).toHaveLength(3);
});

test.each([
  ['a private address', '127.0.0.1'],
  ['another public address', '8.8.8.8'],
  ['the mapped form of the address', '::ffff:1.1.1.1'],
])('a socket that is connected to %s is closed, and nothing else tried', async (_, remote) => {
  const { connecting, dialled, sockets } = connectWith(['1.1.1.1', '1.0.0.1'], () => remote);
  await expect(connecting).rejects.toMatchObject({ kind: 'refused' });
  expect(sockets[0]?.destroyed).toBe(true);
  expect(dialled).toEqual(['1.1.1.1']);
});

test('another spelling of the same IPv6 address is the same', async () => {
  const { connecting, sockets } = connectWith(['2606:4700:0:0::1'], () => '2606:4700::1');
  expect(await connecting).toBe(sockets[0]);
});
