import os from 'node:os';
import { expect, test } from 'vitest';
import { isPublicAddress } from './is-public-address.ts';
import { resolveChecked, resolveWithSystem } from './resolve-checked.ts';

const { signal } = new AbortController();
const asLocalhost = () => resolveWithSystem('localhost');
const never = () => new Promise<string[]>(() => {});
const refused = expect.objectContaining({ kind: 'refused', message: expect.stringContaining('public') });

test.each([
  ['one private address among public ones', ['93.184.216.34', '10.0.0.1', '2606:4700::1']],
  ['a private IPv6 address beside a public IPv4 one', ['93.184.216.34', 'fd00::1']],
  ['no address', []],
  ['what is no address', ['93.184.216.34', 'elsewhere']],
])('a name with %s is refused', async (_, addresses) => {
  await expect(resolveChecked('a.example', async () => addresses, isPublicAddress, signal)).rejects.toEqual(
    refused,
  );
});

test('a name is asked for once, an address never', async () => {
  const asked: string[] = [];
  const resolve = async (name: string) => {
    asked.push(name);
    return ['93.184.216.34', '2606:4700::1'];
  };
  expect(await resolveChecked('a.example', resolve, isPublicAddress, signal)).toHaveLength(2);
  expect(await resolveChecked('1.1.1.1', resolve, isPublicAddress, signal)).toEqual(['1.1.1.1']);
  await expect(resolveChecked('::1', resolve, isPublicAddress, signal)).rejects.toEqual(refused);
  expect(asked).toEqual(['a.example']);
});

test.each(['printer', '', 'studio.local', 'a.localhost', 'metadata.google.internal', os.hostname()])(
  'the name %o is refused unasked',
  async (name) => {
    const asked: string[] = [];
    const resolve = async (one: string) => {
      asked.push(one);
      return ['93.184.216.34'];
    };
    await expect(resolveChecked(name, resolve, isPublicAddress, signal)).rejects.toEqual(refused);
    expect(asked).toEqual([]);
  },
);

test('the resolver of the system and the real policy refuse this machine', async () => {
  for (const host of ['localhost', '127.0.0.1']) {
    await expect(resolveChecked(host, resolveWithSystem, isPublicAddress, signal)).rejects.toEqual(refused);
  }
  expect(await asLocalhost()).toContain('127.0.0.1');
  await expect(resolveChecked('a.example', asLocalhost, isPublicAddress, signal)).rejects.toEqual(refused);
});

test('the signal ends the wait for DNS, also when it came before', async () => {
  const controller = new AbortController();
  const waiting = resolveChecked('a.example', never, isPublicAddress, controller.signal);
  controller.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await expect(resolveChecked('a.example', never, isPublicAddress, controller.signal)).rejects.toThrow(
    'enough',
  );
});
