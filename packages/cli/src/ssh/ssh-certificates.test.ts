import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LoopbackSshd, makeKeyPair, sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { type SshSite, sshSiteForTests } from './testing/ssh-site.ts';

const execute = promisify(execFile);

describeUnless(sshdObstacle(), 'certificates with a real sshd', () => {
  let site: SshSite;
  sshSiteForTests((made) => {
    site = made;
  });
  beforeAll(async () => {
    await makeKeyPair(site.at('authority'));
    await makeKeyPair(site.at('other-authority'));
  });

  /** Signs a public key; answers with the certificate's file, which ssh-keygen puts beside it. */
  const certify = async (
    file: string,
    words: readonly string[],
    authority = 'authority',
  ): Promise<string> => {
    await execute('ssh-keygen', ['-q', '-s', site.at(authority), '-I', 'test', ...words, file]);
    return file.replace(/\.pub$/, '-cert.pub');
  };

  describe('of users', () => {
    let trusting: LoopbackSshd;
    beforeAll(async () => {
      trusting = await LoopbackSshd.start({
        folder: site.at('trusting'),
        authorizedKeys: [],
        config: [`TrustedUserCAKeys ${site.at('authority.pub')}`, 'AuthorizedKeysFile none'],
      });
    });
    afterAll(() => trusting.stop());

    /** A key pair in a folder of its own, which goes after the test. */
    const ownKey = async (options: Parameters<typeof makeKeyPair>[1] = {}): Promise<string> => {
      const folder = site.at('certified');
      await mkdir(folder);
      site.afterwards(() => rm(folder, { recursive: true }));
      await makeKeyPair(path.join(folder, 'key'), options);
      return path.join(folder, 'key');
    };
    const open = (settings = {}, options = {}) =>
      site.open({ sshPort: trusting.port, ...settings }, { acceptNew: true, ...options });

    it.each(['ed25519', 'ecdsa', 'rsa'])('lie beside the key: %s', async (type) => {
      const identity = await ownKey({ type });
      await expect(open({ identity }).run('true\n')).rejects.toMatchObject({ code: 'AUTH_FAILED' });
      await certify(`${identity}.pub`, ['-n', 'root']);
      expect((await open({ identity }).run('exit 7\n')).exitCode).toBe(7);
      expect(trusting.log).toMatch(
        new RegExp(`Accepted publickey for root .* ${type.toUpperCase()}-CERT .*ID test`),
      );
    });

    it('are named by CertificateFile, for an encrypted key as well', async () => {
      const identity = await ownKey({ passphrase: 'opensesame' });
      const certificate = path.join(path.dirname(identity), 'elsewhere.pub');
      await rename(await certify(`${identity}.pub`, ['-n', 'root']), certificate);
      await site.operator.configure([`CertificateFile ${certificate}`]);
      const asked: string[] = [];
      const askPassphrase = async ({ keyFile }: { keyFile: string }): Promise<string> => {
        asked.push(keyFile);
        return 'opensesame';
      };
      expect((await open({ identity }, { askPassphrase }).run('exit 7\n')).exitCode).toBe(7);
      expect(asked).toEqual([identity]);
      await expect(open({ identity }).run('true\n')).rejects.toMatchObject({ code: 'PASSPHRASE_NEEDED' });
    });

    it.each(['ed25519', 'ecdsa', 'rsa'])('are held by an agent, without the bare key: %s', async (type) => {
      const identity = await ownKey({ type });
      await certify(`${identity}.pub`, ['-n', 'root']);
      const socket = site.at('certificates.sock');
      const agent = spawn('/usr/bin/ssh-agent', ['-D', '-a', socket], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      site.afterwards(() => agent.kill());
      await once(agent.stdout, 'data');
      const env = site.operator.environment({ SSH_AUTH_SOCK: socket });
      await execute('ssh-add', ['-q', identity], { env });
      await execute('ssh-add', ['-q', '-d', '-k', `${identity}.pub`], { env });
      await rm(path.dirname(identity), { recursive: true });
      await mkdir(path.dirname(identity));
      const { stdout } = await execute('ssh-add', ['-l'], { env });
      expect(stdout).toMatch(/^\d+ SHA256:\S+ .*-CERT\)\n$/);
      expect((await open({}, { env }).run('exit 7\n')).exitCode).toBe(7);
    });

    it('that are over, for another key or no certificates are left out, and said to be', async () => {
      const identity = await ownKey();
      await certify(`${identity}.pub`, ['-n', 'root', '-V', '20200101:20210101']);
      await expect(open({ identity }).run('true\n')).rejects.toMatchObject({
        code: 'AUTH_FAILED',
        message: expect.stringMatching(/not offered: .*key-cert\.pub expired on 20(20-12-31|21-01-01) /),
      });
      await copyFile(site.at('stranger.pub'), `${identity}-cert.pub`);
      await expect(open({ identity }).run('true\n')).rejects.toThrow('key-cert.pub is not a certificate');
      await copyFile(site.at('stranger.pub'), path.join(path.dirname(identity), 'other.pub'));
      const other = await certify(path.join(path.dirname(identity), 'other.pub'), ['-n', 'root']);
      await rename(other, `${identity}-cert.pub`);
      await expect(open({ identity }).run('true\n')).rejects.toThrow(
        'key-cert.pub is a certificate for a key that is not here',
      );
    });

    it('that the host does not take are named', async () => {
      const identity = await ownKey();
      await certify(`${identity}.pub`, ['-n', 'somebody-else']);
      await expect(open({ identity }).run('true\n')).rejects.toMatchObject({
        code: 'AUTH_FAILED',
        message: expect.stringContaining(
          `accepts none of ${identity}-cert.pub (certificate of ED25519 SHA256:`,
        ),
      });
      expect((await readFile(`${identity}-cert.pub`, 'utf8')).length).toBeGreaterThan(0);
      await writeFile(`${identity}-cert.pub`, '');
      await certify(`${identity}.pub`, ['-n', 'root'], 'other-authority');
      await expect(open({ identity }).run('true\n')).rejects.toMatchObject({ code: 'AUTH_FAILED' });
    });
  });
});
