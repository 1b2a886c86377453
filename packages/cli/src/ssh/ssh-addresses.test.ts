import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePorts } from '../../../../test/support/free-ports.ts';
import { LoopbackSshd, sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { sshHostNamed } from './testing/ssh-host-named.ts';
import { type SshSite, sshSiteForTests } from './testing/ssh-site.ts';

const execute = promisify(execFile);

describeUnless(sshdObstacle() ?? (await loopbackObstacle()), 'addresses of an SshHost', () => {
  let site: SshSite;
  let six: LoopbackSshd;
  sshSiteForTests((made) => {
    site = made;
  });
  beforeAll(async () => {
    six = await LoopbackSshd.start({
      folder: site.at('six'),
      authorizedKeys: [await readFile(site.at('id.pub'), 'utf8')],
      config: ['ListenAddress ::1'],
    });
  });
  afterAll(() => six.stop());

  const at = (address: string) => ({ address, sshPort: six.port });

  it('may be IPv6 ones, with and without brackets, which known_hosts writes as [::1]:port', async () => {
    await writeFile(site.operator.knownHosts, `[::1]:${String(six.port)} ${await six.publicKey()}\n`);
    for (const address of ['::1', '[::1]']) {
      const result = await site.open(at(address)).run('echo "$SSH_CONNECTION"\n');
      expect(result.stdout).toContain(`::1 ${String(six.port)}\n`);
    }
  });

  it('are recorded so that ssh finds them, hashed as well', async () => {
    for (const hash of ['no', 'yes']) {
      await rm(site.operator.knownHosts, { force: true });
      await site.operator.configure([`HashKnownHosts ${hash}`]);
      await site.open(at('[::1]'), { acceptNew: true }).run('true\n');
      const text = await readFile(site.operator.knownHosts, 'utf8');
      expect(text).toMatch(hash === 'yes' ? /^\|1\|/ : new RegExp(`^\\[::1\\]:${String(six.port)} `));
      await site.operator.configure(['StrictHostKeyChecking yes']);
      expect((await site.open(at('::1')).run('exit 7\n')).exitCode).toBe(7);
      await execute('ssh', ['-p', String(six.port), '::1', 'exit 0'], { env: site.operator.environment() });
    }
  });

  it('are found in a known_hosts file that ssh-keygen hashed, and a changed key there is named', async () => {
    const names = [`[127.0.0.1]:${String(six.port)}`, `[::1]:${String(six.port)}`];
    const write = async (key: string): Promise<void> => {
      await writeFile(site.operator.knownHosts, names.map((name) => `${name} ${key}\n`).join(''));
      await execute('ssh-keygen', ['-H', '-f', site.operator.knownHosts]);
    };
    await write(await six.publicKey());
    expect(await readFile(site.operator.knownHosts, 'utf8')).not.toContain('::1');
    for (const address of ['127.0.0.1', '::1']) {
      expect((await site.open(at(address)).run('exit 7\n')).exitCode).toBe(7);
    }
    await write(await site.sshd.publicKey());
    await expect(site.open(at('::1'), { acceptNew: true }).run('true\n')).rejects.toMatchObject({
      code: 'HOST_KEY_CHANGED',
      message: expect.stringContaining(`${site.operator.knownHosts}:2 says another`),
      hint: expect.stringContaining(`ssh-keygen -R '[::1]:${String(six.port)}'`),
    });
    await execute('ssh-keygen', ['-R', `[::1]:${String(six.port)}`, '-f', site.operator.knownHosts]);
    expect((await site.open(at('::1'), { acceptNew: true }).run('exit 7\n')).exitCode).toBe(7);
  });

  it('of a jump may be IPv6 ones too, in ssh_config and in the inventory', async () => {
    const lines = [
      `[::1]:${String(six.port)} ${await six.publicKey()}`,
      `[127.0.0.1]:${String(site.sshd.port)} ${await site.sshd.publicKey()}`,
    ];
    await writeFile(site.operator.knownHosts, `${lines.join('\n')}\n`);
    const jump = `root@[::1]:${String(six.port)}`;
    expect((await site.open({ jump }).run('exit 7\n')).exitCode).toBe(7);
    await site.operator.configure(['Host 127.0.0.1', `ProxyJump ${jump}`]);
    expect((await site.open().run('exit 7\n')).exitCode).toBe(7);
    await site.operator.configure([
      'Host six',
      'HostName ::1',
      `Port ${String(six.port)}`,
      'Host 127.0.0.1',
      'ProxyJump six',
    ]);
    const gate = sshHostNamed('gate', { address: 'six' });
    expect((await site.open({ jump: 'gate' }, {}, [gate]).run('exit 7\n')).exitCode).toBe(7);
  });

  it('are written with brackets where nobody answers', async () => {
    const [dead = 0] = await freePorts(1);
    await expect(site.open({ address: '::1', sshPort: dead }).run('true\n')).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
      message: expect.stringContaining(`air: [::1]:${String(dead)}: connection refused`),
    });
  });

  it('take no part in the multiplexing of ssh: ControlMaster and ControlPath do no harm', async () => {
    const folder = site.at('control');
    await mkdir(folder);
    await site.operator.configure([
      'ControlMaster auto',
      `ControlPath ${folder}/%r@%h:%p`,
      'ControlPersist 60',
      'ServerAliveInterval 5',
    ]);
    const before = site.sshd.logins;
    expect((await site.open().run('exit 7\n')).exitCode).toBe(7);
    expect(await readdir(folder)).toEqual([]);
    // A master that died without a word leaves its socket behind; ssh itself warns about it.
    const dead = `${folder}/root@127.0.0.1:${String(site.sshd.port)}`;
    const server = createServer(() => undefined).listen(dead);
    site.afterwards(() => server.close());
    await expect.poll(async () => (await stat(dead)).isSocket()).toBe(true);
    expect((await site.open().run('exit 7\n')).exitCode).toBe(7);
    expect(site.sshd.logins - before).toBe(2);
  });
});

/** Why ::1 cannot be listened on; null when it can. */
async function loopbackObstacle(): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve('needs IPv6 on loopback'));
    server.listen(0, '::1', () => server.close(() => resolve(null)));
  });
}
