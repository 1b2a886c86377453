import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LoopbackSshd, makeKeyPair, sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { type Certificate, parseCertificateLine } from './certificate.ts';
import { certificateTrouble } from './host-certificate.ts';
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

  /** A key pair in a folder of its own, which goes after the test. */
  const ownKey = async (options: Parameters<typeof makeKeyPair>[1] = {}): Promise<string> => {
    const folder = site.at('certified');
    await mkdir(folder);
    site.afterwards(() => rm(folder, { recursive: true }));
    await makeKeyPair(path.join(folder, 'key'), options);
    return path.join(folder, 'key');
  };

  const knownHosts = async (...lines: readonly string[]): Promise<void> =>
    writeFile(site.operator.knownHosts, lines.map((line) => `${line}\n`).join(''));
  const keyIn = async (name: string): Promise<string> =>
    (await readFile(site.at(`${name}.pub`), 'utf8')).split(' ').slice(0, 2).join(' ');

  const trust = async (authority: string, names: string): Promise<string> =>
    `@cert-authority ${names} ${await keyIn(authority)}`;

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

  describe('of hosts', () => {
    let certified: LoopbackSshd;
    beforeAll(async () => {
      const folder = site.at('certified-host');
      certified = await LoopbackSshd.start({
        folder,
        authorizedKeys: [await readFile(site.at('id.pub'), 'utf8')],
        hostKeyTypes: ['ed25519', 'ecdsa', 'rsa'],
        config: ['ed25519', 'ecdsa', 'rsa'].map((type) => `HostCertificate ${folder}/host_${type}-cert.pub`),
      });
    });
    afterAll(() => certified.stop());

    /** Gives the host new certificates, which sshd reads when it is told to. */
    const present = async (words: readonly string[], authority = 'authority'): Promise<void> => {
      for (const type of ['ed25519', 'ecdsa', 'rsa']) {
        await certify(site.at(`certified-host/host_${type}.pub`), words, authority);
      }
      await certified.reload();
    };
    const here = (): string => `[127.0.0.1]:${String(certified.port)}`;
    const open = (options = {}, settings = {}) =>
      site.open({ sshPort: certified.port, ...settings }, options);

    it.each(['ed25519', 'ecdsa', 'rsa'])(
      'of an authority in known_hosts vouch for the key: %s',
      async (type) => {
        const authority = type === 'ed25519' ? 'authority' : `${type}-authority`;
        if (type !== 'ed25519') await makeKeyPair(site.at(authority), { type });
        await present(['-h', '-n', 'other,127.0.0.1'], authority);
        // With the port, for every port, and for every host.
        for (const names of type === 'ed25519' ? [here(), '10.0.0.1,127.0.0.1', '*'] : [here()]) {
          await knownHosts(await trust(authority, names));
          expect((await open().run('exit 7\n')).exitCode).toBe(7);
          // ssh is of the same opinion.
          const words = [
            '-o',
            'StrictHostKeyChecking=yes',
            '-p',
            String(certified.port),
            '127.0.0.1',
            'exit 0',
          ];
          await execute('ssh', words, { env: site.operator.environment() });
        }
        // Nothing is recorded: the next key with a certificate is as good.
        expect((await readFile(site.operator.knownHosts, 'utf8')).split('\n')).toHaveLength(2);
      },
    );

    it('vouch for a host behind a jump, and for one whose old key is known', async () => {
      await present(['-h', '-n', '127.0.0.1']);
      const jump = `root@127.0.0.1:${String(site.sshd.port)}`;
      const jumpKey = `[127.0.0.1]:${String(site.sshd.port)} ${await site.sshd.publicKey()}`;
      await knownHosts(jumpKey, await trust('authority', here()), `${here()} ${await keyIn('stranger')}`);
      expect((await open({}, { jump }).run('exit 7\n')).exitCode).toBe(7);
    });

    it('are checked: whose they are, whom they are for, and until when', async () => {
      await knownHosts(await trust('authority', here()));
      const refusals: [words: readonly string[], authority: string, reason: string][] = [
        [['-h', '-n', '127.0.0.1'], 'other-authority', 'is of another authority'],
        [['-h', '-n', 'mini,studio'], 'authority', 'is for mini, studio'],
        [['-h', '-n', '127.0.0.1', '-V', '20200101:20200301'], 'authority', 'expired on 2020-0'],
        [['-h', '-n', '127.0.0.1', '-V', '20980101:20990101'], 'authority', 'is not valid before 20'],
        [['-n', '127.0.0.1'], 'authority', 'is for a user, not for a host'],
      ];
      for (const [words, authority, reason] of refusals) {
        await present(words, authority);
        await expect(open({ acceptNew: true }).run('true\n')).rejects.toMatchObject({
          code: 'HOST_CERTIFICATE_INVALID',
          message: expect.stringContaining(
            `air: ${site.operator.knownHosts}:1 trusts an authority, and the certificate of the host ${reason}`,
          ),
        });
      }
    });

    it.each(['ed25519', 'ecdsa', 'rsa'])(
      'that were changed after they were signed are worth nothing: %s',
      async (type) => {
        const authority = site.at(`forged-${type}`);
        await makeKeyPair(authority, { type });
        await present(['-h', '-n', '127.0.0.1'], `forged-${type}`);
        const line = await readFile(site.at('certified-host/host_ed25519-cert.pub'), 'utf8');
        const certificate = parseCertificateLine(line);
        if (certificate === null) throw new Error('no certificate');
        const known = [
          { file: 'known_hosts', line: 1, marker: 'cert-authority', type: '', key: certificate.authority },
        ] as const;
        const trouble = (changed: Partial<Certificate>): string | null =>
          certificateTrouble({ ...certificate, ...changed }, certificate.publicKey, '127.0.0.1', known);
        expect(trouble({})).toBeNull();
        const signedPart = Buffer.from(certificate.signedPart);
        signedPart.writeUInt8(signedPart.readUInt8(60) ^ 1, 60);
        expect(trouble({ signedPart })).toBe('is not signed by its authority');
        expect(trouble({ signature: { type: 'ssh-rsa', bytes: certificate.signature.bytes } })).toBe(
          'is not signed by its authority',
        );
        expect(trouble({ criticalOptions: ['only-on-sundays'] })).toBe(
          'has the unknown condition only-on-sundays',
        );
      },
    );

    it('count for nothing when their authority is revoked', async () => {
      await present(['-h', '-n', '127.0.0.1']);
      await knownHosts(await trust('authority', '*'), `@revoked * ${await keyIn('authority')}`);
      await expect(open({ acceptNew: true }).run('true\n')).rejects.toMatchObject({
        code: 'HOST_CERTIFICATE_INVALID',
        message: expect.stringContaining('is of an authority that is revoked'),
      });
    });

    it('are missing: the bare key is unknown or changed as ever', async () => {
      await knownHosts(await trust('authority', '*'));
      await expect(site.open().run('true\n')).rejects.toMatchObject({ code: 'HOST_KEY_UNKNOWN' });
      await knownHosts(
        await trust('authority', '*'),
        `[127.0.0.1]:${String(site.sshd.port)} ${await keyIn('stranger')}`,
      );
      await expect(site.open({}, { acceptNew: true }).run('true\n')).rejects.toMatchObject({
        code: 'HOST_KEY_CHANGED',
      });
      await knownHosts(await trust('authority', '*'));
      expect((await site.open({}, { acceptNew: true }).run('exit 7\n')).exitCode).toBe(7);
    });
  });
});
