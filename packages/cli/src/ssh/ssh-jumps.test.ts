import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { type LoopbackSshd, sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { sshHostNamed } from './testing/ssh-host-named.ts';
import { type SshSite, sshSiteForTests } from './testing/ssh-site.ts';

const execute = promisify(execFile);

interface Jumps {
  readonly outer: LoopbackSshd;
  readonly inner: LoopbackSshd;
}

/** Lines of ssh_config that name the jumps. */
function aliases({ outer, inner }: Jumps): string[] {
  return [...alias('outer', outer), ...alias('inner', inner)];
}

function alias(name: string, { port }: LoopbackSshd): string[] {
  return [`Host ${name}`, 'HostName 127.0.0.1', `Port ${String(port)}`];
}

/** One login on each jump, and nothing run there. */
function expectChain({ outer, inner }: Jumps): void {
  expect([outer.logins, inner.logins]).toEqual([1, 1]);
  expect(outer.log).not.toMatch(/Starting session/);
  expect(inner.log).not.toMatch(/Starting session/);
}

describeUnless(sshdObstacle(), 'jumps to an SshHost through real sshds', () => {
  let site: SshSite;
  sshSiteForTests((made) => {
    site = made;
  });

  /** Two jumps, of which known_hosts knows the keys, besides that of air. */
  const startJumps = async (): Promise<Jumps> => {
    const outer = await site.startSshd('outer');
    const inner = await site.startSshd('inner');
    site.afterwards(
      () => rm(site.at('outer'), { recursive: true }),
      () => rm(site.at('inner'), { recursive: true }),
    );
    await knowAll([outer, inner, site.sshd]);
    return { outer, inner };
  };

  const knowAll = async (servers: readonly LoopbackSshd[]): Promise<void> => {
    const lines = await Promise.all(
      servers.map(async (sshd) => `[127.0.0.1]:${String(sshd.port)} ${await sshd.publicKey()}\n`),
    );
    await writeFile(site.operator.knownHosts, lines.join(''));
  };

  it('go through both of a ProxyJump chain, in its order', async () => {
    const jumps = await startJumps();
    await site.operator.configure([...aliases(jumps), 'Host 127.0.0.1', 'ProxyJump outer,inner']);
    const result = await site.open().run('exit 7\n');
    expect(result.exitCode).toBe(7);
    expectChain(jumps);
  });

  it('go through hosts of the inventory, which have jumps of their own', async () => {
    const jumps = await startJumps();
    const gate = sshHostNamed('gate', {
      address: '127.0.0.1',
      sshPort: jumps.inner.port,
      jump: `root@127.0.0.1:${String(jumps.outer.port)}`,
    });
    expect((await site.open({ jump: 'gate' }, {}, [gate]).run('exit 7\n')).exitCode).toBe(7);
    expectChain(jumps);
  });

  it('each hop shows its own key: an unknown or changed one on the way names the jump', async () => {
    const jumps = await startJumps();
    const { outer, inner } = jumps;
    await site.operator.configure([...aliases(jumps), 'Host 127.0.0.1', 'ProxyJump outer,inner']);
    const { stdout } = await execute('ssh-keygen', ['-l', '-f', site.at('inner/host_ed25519.pub')]);
    const [, print = ''] = stdout.split(' ');

    await knowAll([outer, site.sshd]);
    await expect(site.open().run('true\n')).rejects.toMatchObject({
      code: 'HOST_KEY_UNKNOWN',
      message: `air (jump inner): the host shows the ED25519 key ${print}, which is not known`,
    });
    await knowAll([inner, site.sshd]);
    await expect(site.open().run('true\n')).rejects.toMatchObject({
      code: 'HOST_KEY_UNKNOWN',
      message: expect.stringMatching(/^air \(jump outer\): /),
    });
    await knowAll([outer, inner]);
    await expect(site.open().run('true\n')).rejects.toMatchObject({
      code: 'HOST_KEY_UNKNOWN',
      message: expect.stringMatching(/^air: /),
    });

    const [type = '', key = ''] = (await readFile(site.at('stranger.pub'), 'utf8')).split(' ');
    await knowAll([outer, site.sshd]);
    const known = await readFile(site.operator.knownHosts, 'utf8');
    await writeFile(site.operator.knownHosts, `${known}[127.0.0.1]:${String(inner.port)} ${type} ${key}\n`);
    await expect(site.open({}, { acceptNew: true }).run('true\n')).rejects.toMatchObject({
      code: 'HOST_KEY_CHANGED',
      message: expect.stringMatching(/^air \(jump inner\): .*known_hosts:3 says another$/),
    });
    // Behind inner, whose key was good then, only the key of air was missing.
    expect(inner.logins).toBe(1);
  });

  it('an accepted key of every hop is recorded, and asked for one by one', async () => {
    const jumps = await startJumps();
    await rm(site.operator.knownHosts);
    await site.operator.configure([...aliases(jumps), 'Host 127.0.0.1', 'ProxyJump outer,inner']);
    const asked: string[] = [];
    const askHostKey = async ({ host }: { host: string }): Promise<boolean> => {
      asked.push(host);
      return true;
    };
    await site.open({}, { askHostKey }).run('true\n');
    expect(asked).toEqual(['air (jump outer)', 'air (jump inner)', 'air']);
    await site.operator.configure([
      'StrictHostKeyChecking yes',
      ...aliases(jumps),
      'Host 127.0.0.1',
      'ProxyJump outer,inner',
    ]);
    expect((await site.open().run('exit 7\n')).exitCode).toBe(7);
  });

  it('a jump that does not let the user in is named with the keys that it refused', async () => {
    const jumps = await startJumps();
    await site.operator.configure([...aliases(jumps), 'Host 127.0.0.1', 'ProxyJump outer,inner']);
    await writeFile(site.at('inner/authorized_keys'), await readFile(site.at('stranger.pub'), 'utf8'));
    await expect(site.open().run('true\n')).rejects.toMatchObject({
      code: 'AUTH_FAILED',
      message: expect.stringMatching(
        new RegExp(
          `^air \\(jump inner\\): root at 127.0.0.1:${String(jumps.inner.port)}: .*${site.at('id')} \\(ED25519`,
        ),
      ),
    });
  });

  it('a jump that hangs after the connection is named, in the time for the whole way', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    site.afterwards(() => silent.close());
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const jump = `root@127.0.0.1:${String(port)}`;
    await expect(site.open({ jump }, { deadlineMs: 700 }).run('true\n')).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
      message: `air (jump ${jump}): 127.0.0.1:${String(port)}: no answer within 0.7 s`,
    });
  });
});
