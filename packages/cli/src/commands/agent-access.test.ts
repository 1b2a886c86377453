import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseInventory } from '../config/parse-inventory.ts';
import { resolveHosts } from '../config/resolve-hosts.ts';
import type { RunOptions, ScriptResult } from '../hosts/host.ts';
import { LocalHost } from '../hosts/local-host.ts';
import { readAdminToken } from './agent-access.ts';

/** A host whose profile greets everybody. */
class GreetingHost extends LocalHost {
  override async run(script: string, options: RunOptions = {}): Promise<ScriptResult> {
    return super.run(`echo 'Welcome back!'\n${script}`, options);
  }
}

let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'mlxfleet-token-'));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

async function tokenOf(folder: string): Promise<string | null> {
  const [settings] = resolveHosts(parseInventory('i', 'version: 1\nhosts: {here: {connection: local}}'));
  if (settings === undefined) throw new Error('no host');
  const host = new GreetingHost('here');
  return readAdminToken({ settings, host }, folder, new AbortController().signal);
}

test('the admin token is what its file holds, whatever a profile prints', async () => {
  await mkdir(path.join(root, 'shared'));
  await writeFile(path.join(root, 'shared', 'admin-token'), 'a1b2c3\n');
  expect(await tokenOf(root)).toBe('a1b2c3');
});

test('without a file there is none', async () => {
  expect(await tokenOf(root)).toBeNull();
});
