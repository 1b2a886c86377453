import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseInventory } from '../config/parse-inventory.ts';
import { hostNameFrom, inventoryTemplate } from './inventory-template.ts';
import { sshConfigHosts } from './ssh-config-hosts.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'mlxfleet-init-'));
  await mkdir(path.join(home, '.ssh', 'conf.d'), { recursive: true });
});
afterEach(async () => {
  await rm(home, { recursive: true });
});

test('hosts of ssh_config and of what it includes, without patterns', async () => {
  await writeFile(
    path.join(home, '.ssh', 'config'),
    `# comment
Include conf.d/*
Host studio studio.lan
  HostName 10.0.0.2
host=air
\thostname = air.local
Host "my mini"
Host *.internal !bad gateway-?
Host github.com
Match host air
  HostName elsewhere
`,
  );
  await writeFile(
    path.join(home, '.ssh', 'conf.d', 'more'),
    'Host m1\n  HostName m1.local\nInclude ~/.ssh/config\n',
  );
  expect(await sshConfigHosts(home)).toEqual([
    { alias: 'm1', hostName: 'm1.local' },
    { alias: 'studio', hostName: '10.0.0.2' },
    { alias: 'studio.lan', hostName: '10.0.0.2' },
    { alias: 'air', hostName: 'air.local' },
    { alias: 'my mini', hostName: null },
  ]);
});

test('no ssh_config is no hosts', async () => {
  expect(await sshConfigHosts(path.join(home, 'nobody'))).toEqual([]);
});

test.each([
  ['studio', 'studio'],
  ['me@studio', 'me-studio'],
  ['_x', 'x'],
  ['***', 'host'],
  ['a'.repeat(99), 'a'.repeat(63)],
])('%s becomes the name %s', (alias, name) => {
  expect(hostNameFrom(alias)).toBe(name);
});

test('what is written is valid', () => {
  const text = inventoryTemplate([
    { name: 'studio', address: 'studio' },
    { name: 'yes', address: 'odd: "name" #1' },
    { name: '7', address: 'seven.local' },
    { name: 'local', address: null },
  ]);
  const inventory = parseInventory('inventory.yaml', text);
  expect(Object.keys(inventory.hosts).toSorted()).toEqual(['7', 'local', 'studio', 'yes']);
  expect(inventory.hosts['yes']?.address).toBe('odd: "name" #1');
  expect(inventory.rollout?.canary).toEqual(['7']);
});

test('this machine alone is valid too', () => {
  const inventory = parseInventory('inventory.yaml', inventoryTemplate([{ name: 'local', address: null }]));
  expect(inventory.hosts['local']?.connection).toBe('local');
});
