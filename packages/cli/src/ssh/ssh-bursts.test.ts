import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { startDelayProxy } from '../../../../test/e2e/fleet/delay-proxy.ts';
import { sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';
import type { Host } from '../hosts/host.ts';
import { createHosts, type HostOptions } from './create-hosts.ts';
import { sshHostNamed } from './testing/ssh-host-named.ts';
import { type SshSite, sshSiteForTests } from './testing/ssh-site.ts';

const HOSTS = 20;

describeUnless(sshdObstacle(), 'twenty hosts at once', () => {
  let site: SshSite;
  sshSiteForTests((made) => {
    site = made;
  });

  /** Twenty hosts of one command, of which all are the same sshd; `change` makes some of them others. */
  const openMany = (
    port: number,
    change: (host: ResolvedHost, index: number) => ResolvedHost = (host) => host,
    options: Partial<HostOptions> = {},
  ): Host[] => {
    const all = Array.from({ length: HOSTS }, (_, index) =>
      change(sshHostNamed(`host${String(index)}`, { address: '127.0.0.1', sshPort: port }), index),
    );
    const hosts = createHosts(
      { selected: all, all },
      { acceptNew: true, env: site.operator.environment(), ...options },
    );
    site.afterwards(...hosts.map((host) => () => host.close()));
    return hosts;
  };

  it('all get through to a server that takes two logins at a time', async () => {
    const narrow = await site.startSshd('narrow', { config: ['MaxStartups 2:100:3'] });
    const begun = performance.now();
    const results = await Promise.allSettled(openMany(narrow.port).map((host) => host.run('exit 0\n')));
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(narrow.log).toMatch(/drop connection|past MaxStartups/);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it('all get through a jump host that takes two logins at a time', async () => {
    const gate = await site.startSshd('gate', { config: ['MaxStartups 2:100:3'] });
    const jump = `root@127.0.0.1:${String(gate.port)}`;
    const behind = await site.startSshd('behind', { config: ['MaxStartups 100'] });
    const hosts = openMany(behind.port, (host) => ({ ...host, jump }));
    const results = await Promise.allSettled(hosts.map((host) => host.run('exit 0\n')));
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect([gate.logins, behind.logins]).toEqual([HOSTS, HOSTS]);
  });

  it('may be far away: each answer takes 300 ms', async () => {
    const proxy = await startDelayProxy({ host: '127.0.0.1', port: site.sshd.port }, 300);
    site.afterwards(() => proxy.close());
    const [far] = openMany(proxy.port);
    expect((await far?.run('echo there\n'))?.stdout).toBe('there\n');
  });

  it('are not kept waiting by one that hangs after the connection', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    site.afterwards(() => silent.close());
    const address = silent.address();
    const hole = typeof address === 'object' && address !== null ? address.port : 0;
    const wide = await site.startSshd('wide', { config: ['MaxStartups 100'] });
    const deadlineMs = 4000;
    const begun = performance.now();
    const hosts = openMany(
      wide.port,
      (host, index) => (index === 7 ? { ...host, name: 'stuck', sshPort: hole } : host),
      { deadlineMs },
    );
    const answers = await Promise.allSettled(
      hosts.map(async (host) => {
        const { exitCode } = await host.run('exit 0\n');
        return { exitCode, milliseconds: performance.now() - begun };
      }),
    );
    const took = performance.now() - begun;
    const failed = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
    expect(failed).toMatchObject([
      { code: 'HOST_UNREACHABLE', message: `stuck: 127.0.0.1:${String(hole)}: no answer within 4 s` },
    ]);
    expect(took).toBeGreaterThan(deadlineMs - 100);
    expect(took).toBeLessThan(deadlineMs + 1000);
    const answered = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    expect(answered.map(({ exitCode }) => exitCode)).toEqual(Array.from({ length: HOSTS - 1 }, () => 0));
    expect(Math.max(...answered.map(({ milliseconds }) => milliseconds))).toBeLessThan(deadlineMs);
  });
});
