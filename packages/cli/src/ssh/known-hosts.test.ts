import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKeyPair, sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { fingerprint, keyTypeName, wireType } from './fingerprint.ts';
import { findKnownKeys, hostKeyAlgorithms, judgeHostKey, knownHostsName } from './known-hosts.ts';
import { KnownHostsRecorder } from './known-hosts-recorder.ts';

const execute = promisify(execFile);

describe('knownHostsName', () => {
  it('names the port unless it is 22', () => {
    expect(knownHostsName('Air.Local', 22)).toBe('air.local');
    expect(knownHostsName('air.local', 2222)).toBe('[air.local]:2222');
    expect(knownHostsName('::1', 2222)).toBe('[::1]:2222');
  });
});

describe('hostKeyAlgorithms', () => {
  it('puts the types that are known first', () => {
    const key = { file: 'f', line: 1, marker: null, key: Buffer.alloc(0) };
    expect(hostKeyAlgorithms([])[0]).toBe('ssh-ed25519');
    expect(hostKeyAlgorithms([{ ...key, type: 'ssh-rsa' }]).slice(0, 3)).toEqual([
      'rsa-sha2-512',
      'rsa-sha2-256',
      'ssh-ed25519',
    ]);
    expect(hostKeyAlgorithms([{ ...key, type: 'ssh-rsa', marker: 'revoked' }])[0]).toBe('ssh-ed25519');
  });
});

describeUnless(sshdObstacle(), 'known_hosts with ssh-keygen', () => {
  let folder: string;
  let mine: { readonly text: string; readonly wire: Buffer };
  let other: { readonly text: string; readonly wire: Buffer };

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'known-hosts-'));
    await makeKeyPair(path.join(folder, 'mine'));
    await makeKeyPair(path.join(folder, 'other'));
    mine = await keyOf(path.join(folder, 'mine.pub'));
    other = await keyOf(path.join(folder, 'other.pub'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const lookUp = async (lines: readonly string[], name: string, hash = false) => {
    const file = path.join(folder, 'known_hosts');
    await writeFile(file, `${lines.join('\n')}\n`);
    if (hash) await execute('ssh-keygen', ['-H', '-f', file]);
    return judgeHostKey(mine.wire, await findKnownKeys(name, [file, `${file}.absent`], process.env));
  };

  it('finds plain, hashed and pattern entries', async () => {
    const known = { kind: 'known' };
    await expect(lookUp([`air.local,10.0.0.1 ${mine.text}`], 'air.local')).resolves.toEqual(known);
    await expect(lookUp([`air.local ${mine.text} a comment`], 'air.local', true)).resolves.toEqual(known);
    await expect(lookUp([`*.local ${mine.text}`], 'air.local')).resolves.toEqual(known);
    await expect(lookUp([`*.local,!air.local ${mine.text}`], 'air.local')).resolves.toEqual({
      kind: 'unknown',
    });
  });

  it('tells ports apart, hashed as well', async () => {
    const line = `[air.local]:2222 ${mine.text}`;
    await expect(lookUp([line], '[air.local]:2222')).resolves.toEqual({ kind: 'known' });
    await expect(lookUp([line], '[air.local]:2222', true)).resolves.toEqual({ kind: 'known' });
    await expect(lookUp([line], 'air.local')).resolves.toEqual({ kind: 'unknown' });
  });

  it('names file and line of a changed key', async () => {
    const verdict = await lookUp(
      ['# a comment', `mini.local ${mine.text}`, `air.local ${other.text}`],
      'air.local',
    );
    expect(verdict).toMatchObject({
      kind: 'changed',
      known: [{ file: path.join(folder, 'known_hosts'), line: 3, type: 'ssh-ed25519' }],
    });
  });

  it('takes a key of another type than the known one for a changed key', async () => {
    await makeKeyPair(path.join(folder, 'ecdsa'), { type: 'ecdsa' });
    const ecdsa = await keyOf(path.join(folder, 'ecdsa.pub'));
    await expect(lookUp([`air.local ${ecdsa.text}`], 'air.local')).resolves.toMatchObject({
      kind: 'changed',
    });
  });

  it('refuses a revoked key even where it is also known', async () => {
    const lines = [`air.local ${mine.text}`, `@revoked * ${mine.text}`];
    await expect(lookUp(lines, 'air.local')).resolves.toMatchObject({ kind: 'revoked', by: { line: 2 } });
  });

  it('says when only a certificate can tell', async () => {
    const authority = `@cert-authority *.local ${other.text}`;
    await expect(lookUp([authority], 'air.local')).resolves.toMatchObject({
      kind: 'by-certificate',
      by: { line: 1, marker: 'cert-authority' },
    });
    await expect(lookUp([authority, `air.local ${mine.text}`], 'air.local')).resolves.toEqual({
      kind: 'known',
    });
  });

  it('shows the fingerprint that ssh-keygen shows', async () => {
    const { stdout } = await execute('ssh-keygen', ['-l', '-f', path.join(folder, 'mine.pub')]);
    expect(stdout).toContain(` ${fingerprint(mine.wire)} `);
    expect(keyTypeName(wireType(mine.wire))).toBe('ED25519');
  });

  it('records keys so that ssh-keygen finds them, after a last line without a line feed too', async () => {
    const file = path.join(folder, 'new', 'known_hosts');
    const recorder = new KnownHostsRecorder();
    await Promise.all([
      recorder.record(file, 'air.local', mine.wire, false),
      recorder.record(file, '[mini.local]:2222', other.wire, true),
    ]);
    await writeFile(file, (await readFile(file, 'utf8')).trimEnd());
    await recorder.record(file, 'studio.local', mine.wire, false);
    for (const name of ['air.local', '[mini.local]:2222', 'studio.local']) {
      await expect(findKnownKeys(name, [file], process.env)).resolves.toHaveLength(1);
    }
    const text = await readFile(file, 'utf8');
    expect(text).toMatch(/\n$/);
    expect(text).not.toContain('mini');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(path.dirname(file))).mode & 0o777).toBe(0o700);
  });

  it('says so when the file cannot be written', async () => {
    const inTheWay = path.join(folder, 'mine', 'known_hosts');
    await expect(new KnownHostsRecorder().record(inTheWay, 'air', mine.wire, false)).rejects.toMatchObject({
      code: 'HOST_KEY_UNKNOWN',
    });
  });
});

async function keyOf(file: string): Promise<{ text: string; wire: Buffer }> {
  const [type = '', base64 = ''] = (await readFile(file, 'utf8')).split(' ');
  return { text: `${type} ${base64}`, wire: Buffer.from(base64, 'base64') };
}
