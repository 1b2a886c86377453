import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeKeyPair, sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { decryptKey, readKeyFile } from './key-file.ts';

describeUnless(sshdObstacle(), 'readKeyFile', () => {
  let folder: string;
  const at = (name: string): string => path.join(folder, name);

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'key-file-'));
    await makeKeyPair(at('plain'));
    await makeKeyPair(at('locked'), { passphrase: 'opensesame' });
    await makeKeyPair(at('old'), { type: 'ecdsa', format: 'PEM', passphrase: 'opensesame' });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('reads a private key', async () => {
    await expect(readKeyFile(at('plain'))).resolves.toMatchObject({
      kind: 'private',
      key: { type: 'ssh-ed25519' },
    });
  });

  it('reads the public half of an encrypted key, and decrypts it with the right passphrase only', async () => {
    const locked = await readKeyFile(at('locked'));
    if (locked.kind !== 'encrypted') throw new Error(locked.kind);
    const [, base64] = (await readFile(at('locked.pub'), 'utf8')).split(' ');
    expect(locked.publicKey?.toString('base64')).toBe(base64);
    expect(decryptKey(locked.text, 'guess')).toBeNull();
    expect(decryptKey(locked.text, 'opensesame')?.type).toBe('ssh-ed25519');
  });

  it('takes the public half of an old encrypted key from the file beside it', async () => {
    const old = await readKeyFile(at('old'));
    expect(old).toMatchObject({ kind: 'encrypted', publicKey: expect.any(Buffer) });
    await copyFile(at('old'), at('lonely'));
    await expect(readKeyFile(at('lonely'))).resolves.toMatchObject({ kind: 'encrypted', publicKey: null });
    const text = await readFile(at('old'), 'utf8');
    expect(decryptKey(text, 'opensesame')?.type).toBe('ecdsa-sha2-nistp256');
  });

  it('reads a public key as a choice among the keys of the agent', async () => {
    await expect(readKeyFile(at('plain.pub'))).resolves.toMatchObject({ kind: 'public' });
    await copyFile(at('plain.pub'), at('elsewhere.pub'));
    await expect(readKeyFile(at('elsewhere'))).resolves.toMatchObject({ kind: 'public' });
  });

  it('says what is wrong with other files, without their contents', async () => {
    await expect(readKeyFile(at('absent'))).resolves.toEqual({ kind: 'missing', path: at('absent') });
    await expect(readKeyFile(folder)).resolves.toMatchObject({ kind: 'unusable', reason: 'is a folder' });
    await writeFile(at('broken'), (await readFile(at('plain'), 'utf8')).slice(0, 120));
    await writeFile(at('pkcs8'), '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n');
    await expect(readKeyFile(at('broken'))).resolves.toMatchObject({
      kind: 'unusable',
      reason: 'is not a private key, or it is damaged',
    });
    await expect(readKeyFile(at('pkcs8'))).resolves.toMatchObject({
      kind: 'unusable',
      reason: expect.stringContaining('ssh-keygen -p'),
    });
  });
});
