import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { freePorts } from '../../../../test/support/free-ports.ts';
import { sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { type SshSite, sshSiteForTests } from './testing/ssh-site.ts';

describeUnless(sshdObstacle(), 'trouble of an SshHost against a real sshd', () => {
  let site: SshSite;
  sshSiteForTests((made) => {
    site = made;
  });

  it('says quickly why a host is not reached', async () => {
    const begun = performance.now();
    const [dead = 0] = await freePorts(1);
    await expect(site.open({ sshPort: dead }).run('true\n')).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
      message: expect.stringContaining(`air: 127.0.0.1:${String(dead)}: connection refused`),
    });
    await expect(site.open({ address: 'no-such-host.invalid' }).run('true\n')).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
    });
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  it('gives up at the deadline where nobody answers, and at once when told to', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    site.afterwards(() => silent.close());
    const address = silent.address();
    const blackHole = { sshPort: typeof address === 'object' && address !== null ? address.port : 0 };
    await expect(site.open(blackHole, { deadlineMs: 300 }).run('true\n')).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
      message: expect.stringContaining('no answer within 0.3 s'),
    });
    const abort = new AbortController();
    const aborted = site.open(blackHole, { signal: abort.signal }).run('true\n');
    setTimeout(() => abort.abort(new Error('Ctrl-C')), 100);
    await expect(aborted).rejects.toThrow('Ctrl-C');
    const host = site.open(blackHole);
    const waiting = host.run('true\n');
    await sleep(100);
    await host.close();
    await expect(waiting).rejects.toMatchObject({ code: 'HOST_CLOSED' });
  });

  it('tries again when the server drops the connection before it says who it is', async () => {
    let drops = 0;
    const busy = createServer((socket) => {
      drops += 1;
      socket.end('Not allowed at this time\r\n');
    }).listen(0, '127.0.0.1');
    await once(busy, 'listening');
    site.afterwards(() => busy.close());
    const address = busy.address();
    const sshPort = typeof address === 'object' && address !== null ? address.port : 0;
    const begun = performance.now();
    await expect(site.open({ sshPort }, { deadlineMs: 2000 }).run('true\n')).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
      message:
        `air: 127.0.0.1:${String(sshPort)}: the server closes every connection before it says who it is` +
        ' (it says: Not allowed at this time)',
      hint: expect.stringContaining('MaxStartups'),
    });
    expect(drops).toBeGreaterThanOrEqual(3);
    expect(performance.now() - begun).toBeLessThan(2500);
  });

  it('says when the connection is lost in the middle, and connects again for the next call', async () => {
    const own = await site.startSshd('cut');
    const host = site.open({ sshPort: own.port }, { acceptNew: true });
    const lost = host.run('echo begun; sleep 30\n', {
      onLine: (line) => {
        if (line === 'begun') void own.cutConnections();
      },
    });
    await expect(lost).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringContaining('air: the connection was lost'),
    });
    await writeFile(site.at('cut-me'), Buffer.alloc(50_000_000));
    let cutting: Promise<void> | undefined;
    const upload = host.upload(site.at('cut-me'), site.at('cut-me-copy'), {
      onProgress: () => {
        cutting ??= own.cutConnections();
      },
    });
    await expect(upload).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect((await host.run('true\n')).exitCode).toBe(0);
  });

  it('says when the host refuses sessions or forwarding', async () => {
    const strict = await site.startSshd('strict', {
      config: [
        'MaxSessions 0',
        'AllowTcpForwarding no',
        'AllowStreamLocalForwarding no',
        'Banner /etc/hostname',
      ],
    });
    const host = site.open({ sshPort: strict.port }, { acceptNew: true });
    await expect(host.run('true\n')).rejects.toMatchObject({
      code: 'SESSION_REFUSED',
      message: expect.stringContaining('air: the host refuses to run a command'),
    });
    await expect(host.openUnixSocket('/run/x')).rejects.toMatchObject({ code: 'AGENT_UNHEALTHY' });
  });
});
