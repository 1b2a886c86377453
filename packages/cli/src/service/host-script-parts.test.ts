import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sshHostNamed } from '../ssh/testing/ssh-host-named.ts';
import { hostScriptParts } from './host-script-parts.ts';

test('a host runs the agent under a supervisor of its own unless it says otherwise', () => {
  expect(hostScriptParts(sshHostNamed('air')).at(-1)).toBe('service-detached');
  expect(hostScriptParts(sshHostNamed('air', { service: 'detached' })).at(-1)).toBe('service-detached');
});

test('a kind of service that cannot be set up is refused, not replaced', () => {
  expect(() => hostScriptParts(sshHostNamed('mini', { service: 'system' }))).toThrow(
    'mini: this version cannot run the agent as a system service',
  );
});

test('no other place names the part of a kind of service', async () => {
  const sources = join(import.meta.dirname, '..');
  const naming: string[] = [];
  for (const file of await readdir(sources, { recursive: true })) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    const text = await readFile(join(sources, file), 'utf8');
    if (/'service-\w+'/.test(text)) naming.push(file);
  }
  expect(naming.toSorted()).toEqual(['remote-commands/script.ts', 'service/service-parts.ts']);
});
