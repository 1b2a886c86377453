import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { Client } from 'undici';
import { expect, it } from 'vitest';
import { freePorts } from '../../../../test/support/free-ports.ts';
import { sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { clientOver } from '../agent-client/host-connection.ts';
import { type SshSite, sshSiteForTests } from './testing/ssh-site.ts';

describeUnless(sshdObstacle(), 'SshHost against a real sshd', () => {
  let site: SshSite;
  sshSiteForTests((made) => {
    site = made;
  });

  it('runs a script, with noise around it, and tells its exit code', async () => {
    const lines: string[] = [];
    const result = await site.open().run('echo "$((6 * 7))"; echo oh >&2; exit 3\n', {
      onLine: (line) => lines.push(line),
    });
    expect(result.exitCode).toBe(3);
    expect(result.stdout).toMatch(/42\n$/);
    expect(result.stderr).toMatch(/oh\n$/);
    expect(lines.at(-1)).toBe('42');
  });

  it('tells null for a script that a signal ended', async () => {
    expect((await site.open().run('kill -9 $$\n')).exitCode).toBeNull();
  });

  it('carries a script larger than a window, and its output', async () => {
    const filler = `# ${'x'.repeat(1000)}\n`.repeat(3000);
    const script = `${filler}i=0; while [ $i -lt 3000 ]; do echo "${'y'.repeat(1000)}"; i=$((i+1)); done\n`;
    let seen = 0;
    const result = await site.open().run(script, {
      onLine: (line) => void (seen += line.startsWith('y') ? 1 : 0),
    });
    expect([result.exitCode, seen]).toEqual([0, 3000]);
  });

  it('holds stdin open until the abort, then lets the script put things back', async () => {
    const abort = new AbortController();
    const marker = site.at('undone');
    const running = site.open().run(`echo waiting; cat >/dev/null; sleep 0.2; echo undone >'${marker}'\n`, {
      holdStdin: true,
      signal: abort.signal,
      onLine: (line) => {
        if (line === 'waiting') abort.abort(new Error('Ctrl-C'));
      },
    });
    await expect(running).rejects.toThrow('Ctrl-C');
    expect(await readFile(marker, 'utf8')).toBe('undone\n');
  });

  it('stops a script without held stdin at once', async () => {
    const abort = new AbortController();
    let pid = 0;
    const running = site.open().run('sleep 60 & echo "pid $!"; wait\n', {
      signal: abort.signal,
      onLine: (line) => {
        if (!line.startsWith('pid ')) return;
        pid = Number(line.slice(4));
        abort.abort(new Error('Ctrl-C'));
      },
    });
    await expect(running).rejects.toThrow('Ctrl-C');
    // sshd signals the processes of everybody but root; that the signal arrived is what it complains of here.
    await expect.poll(() => site.sshd.log).toContain('session signalling requires privilege separation');
    process.kill(pid);
  });

  it('does not wait for what a script leaves running with its output open', async () => {
    const begun = performance.now();
    const result = await site.open().run('sleep 8 & echo "pid $!"\n');
    const [, pid] = /pid (\d+)/.exec(result.stdout) ?? [];
    process.kill(Number(pid));
    expect(result.exitCode).toBe(0);
    expect(performance.now() - begun).toBeLessThan(6000);
  });

  it('shares one connection among parallel runs, and connects again after close only by a new host', async () => {
    const before = site.sshd.logins;
    const host = site.open();
    const results = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => host.run(`exit ${String(index)}\n`)),
    );
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(site.sshd.logins - before).toBe(1);
    await host.close();
    await expect(host.run('true\n')).rejects.toMatchObject({ code: 'HOST_CLOSED' });
  });

  it('uploads, and goes on from an offset', async () => {
    const host = site.open();
    const local = site.at('blob');
    const bytes = Buffer.alloc(5_000_000, 'mlxfleet ');
    await writeFile(local, bytes);
    const remote = site.at("in coming/it's 1/blob");
    const progress: number[] = [];
    await host.upload(local, remote, { onProgress: (sent) => progress.push(sent) });
    expect(progress.at(-1)).toBe(bytes.length);
    expect((await readFile(`${remote}.part`)).equals(bytes)).toBe(true);
    expect((await stat(`${remote}.part`)).mode & 0o777).toBe(0o600);
    expect((await stat(path.dirname(remote))).mode & 0o777).toBe(0o700);

    await writeFile(`${remote}.part`, bytes.subarray(0, 1_234_567));
    await host.upload(local, remote, { offset: 1_234_567 });
    expect((await readFile(`${remote}.part`)).equals(bytes)).toBe(true);
  });

  it('makes one file of two uploads of it at the same time', async () => {
    const host = site.open();
    const bytes = Buffer.alloc(8_000_000, 'bytes of both ');
    await writeFile(site.at('both'), bytes);
    await Promise.all([
      host.upload(site.at('both'), site.at('shared')),
      host.upload(site.at('both'), site.at('shared')),
    ]);
    expect((await readFile(site.at('shared.part'))).equals(bytes)).toBe(true);
  });

  it('fails an upload whose offset is wrong, whose file is missing, or whose folder cannot be made', async () => {
    const host = site.open();
    await writeFile(site.at('small'), Buffer.alloc(3_000_000, 'bytes'));
    await writeFile(site.at('there.part'), 'abc');
    await expect(host.upload(site.at('small'), site.at('there'), { offset: 4 })).rejects.toMatchObject({
      code: 'UPLOAD_FAILED',
      message: `air: ${site.at('there')}.part holds 3 bytes, not 4`,
    });
    await expect(host.upload(site.at('nothing'), site.at('new'))).rejects.toMatchObject({
      code: 'UPLOAD_FAILED',
    });
    await expect(host.upload(site.at('small'), site.at('there.part/new'))).rejects.toMatchObject({
      code: 'UPLOAD_FAILED',
      message: expect.stringMatching(/^air: .*mkdir.*there.part/s),
    });
  });

  it('gives up an upload that is aborted, and keeps the connection', async () => {
    const host = site.open();
    const abort = new AbortController();
    await writeFile(site.at('large'), Buffer.alloc(20_000_000));
    const uploading = host.upload(site.at('large'), site.at('large-copy'), {
      signal: abort.signal,
      onProgress: () => abort.abort(new Error('Ctrl-C')),
    });
    await expect(uploading).rejects.toThrow('Ctrl-C');
    expect((await host.run('true\n')).exitCode).toBe(0);
  });

  it('opens Unix sockets and ports on the host', async () => {
    const host = site.open();
    const socket = site.at('agent.sock');
    const greeter = await listen(socket);
    const byPort = await listen(0);
    site.afterwards(
      () => greeter.close(),
      () => byPort.close(),
    );
    const address = byPort.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    for (const opened of [host.openUnixSocket(socket), host.openLoopbackPort(port)]) {
      const stream = await opened;
      stream.end('you');
      expect(await text(stream)).toBe('hello you');
    }
    await expect(host.openUnixSocket(site.at('nobody.sock'))).rejects.toMatchObject({
      code: 'AGENT_UNHEALTHY',
    });
    const [free = 0] = await freePorts(1);
    await expect(host.openLoopbackPort(free)).rejects.toMatchObject({ code: 'AGENT_UNHEALTHY' });
  });

  it('carries HTTP, whose client may let go in the middle of an answer', async () => {
    const host = site.open();
    const served = spawn(process.execPath, ['-e', HTTP_SERVER, site.at('http.sock')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    site.afterwards(() => served.kill());
    await once(served.stdout, 'data');
    const client: Client = clientOver('box', async () => host.openUnixSocket(site.at('http.sock')));
    const first = await client.request({ method: 'GET', path: '/short' });
    expect(await first.body.text()).toBe('short');
    const endless = await client.request({ method: 'GET', path: '/endless' });
    await once(endless.body, 'readable');
    await client.destroy();
    expect(client.destroyed).toBe(true);
  });
});

/** A server that greets each caller with what the caller says. */
async function listen(where: string | number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let name = '';
    socket.setEncoding('utf8').on('data', (part: string) => (name += part));
    socket.on('end', () => socket.end(`hello ${name}`));
  });
  if (typeof where === 'string') server.listen(where);
  else server.listen(where, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const HTTP_SERVER = `
  require('node:http').createServer((request, response) => {
    if (request.url === '/short') response.end('short');
    else setInterval(() => response.write('more '), 20);
  }).listen(process.argv[1], () => console.log('listening'));
`;
