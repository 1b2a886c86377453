import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Client } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { freePorts } from '../../../../test/support/free-ports.ts';
import { LoopbackSshd, makeKeyPair, sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { SshOperator } from '../../../../test/support/ssh-operator.ts';
import { clientOver } from '../agent-client/host-connection.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { createHosts, type HostOptions } from './create-hosts.ts';
import type { Host } from '../hosts/host.ts';
import { sshHostNamed } from './testing/ssh-host-named.ts';

const execute = promisify(execFile);

describeUnless(sshdObstacle(), 'SshHost against a real sshd', () => {
  let folder: string;
  let operator: SshOperator;
  let sshd: LoopbackSshd;
  const cleanups: (() => unknown)[] = [];
  const at = (name: string): string => path.join(folder, name);

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'ssh-host-'));
    operator = await SshOperator.create(folder);
    await makeKeyPair(at('id'));
    await makeKeyPair(at('locked'), { passphrase: 'opensesame' });
    await makeKeyPair(at('stranger'));
    const publicKeys = [await readFile(at('id.pub'), 'utf8'), await readFile(at('locked.pub'), 'utf8')];
    sshd = await LoopbackSshd.start({ folder: at('sshd'), authorizedKeys: publicKeys });
    // Noise before and after everything, as chatty start-up files of shells make it.
    await writeFile(path.join(sshd.home, '.bashrc'), 'echo welcome; echo beware >&2\n');
  });
  afterAll(async () => {
    await sshd.stop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    await operator.configure([]);
    await knowHost();
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  const knowHost = async (key?: string): Promise<void> => {
    const line = `[127.0.0.1]:${String(sshd.port)} ${key ?? (await sshd.publicKey())}\n`;
    await writeFile(operator.knownHosts, line);
  };
  const air = (settings: Partial<ResolvedHost> = {}): ResolvedHost =>
    sshHostNamed('air', { address: '127.0.0.1', sshPort: sshd.port, ...settings });
  const open = (
    settings: ResolvedHost = air(),
    options: Partial<HostOptions> = {},
    others: readonly ResolvedHost[] = [],
  ): Host => {
    const [host] = createHosts(
      { selected: [settings], all: [settings, ...others] },
      { acceptNew: false, env: operator.environment(), ...options },
    );
    if (host === undefined) throw new Error('no host');
    cleanups.push(() => host.close());
    return host;
  };

  it('runs a script, with noise around it, and tells its exit code', async () => {
    const lines: string[] = [];
    const result = await open().run('echo "$((6 * 7))"; echo oh >&2; exit 3\n', {
      onLine: (line) => lines.push(line),
    });
    expect(result.exitCode).toBe(3);
    expect(result.stdout).toMatch(/42\n$/);
    expect(result.stderr).toMatch(/oh\n$/);
    expect(lines.at(-1)).toBe('42');
  });

  it('tells null for a script that a signal ended', async () => {
    expect((await open().run('kill -9 $$\n')).exitCode).toBeNull();
  });

  it('carries a script larger than a window, and its output', async () => {
    const filler = `# ${'x'.repeat(1000)}\n`.repeat(3000);
    const script = `${filler}i=0; while [ $i -lt 3000 ]; do echo "${'y'.repeat(1000)}"; i=$((i+1)); done\n`;
    let seen = 0;
    const result = await open().run(script, {
      onLine: (line) => void (seen += line.startsWith('y') ? 1 : 0),
    });
    expect([result.exitCode, seen]).toEqual([0, 3000]);
  });

  it('holds stdin open until the abort, then lets the script put things back', async () => {
    const abort = new AbortController();
    const marker = at('undone');
    const running = open().run(`echo waiting; cat >/dev/null; sleep 0.2; echo undone >'${marker}'\n`, {
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
    const running = open().run('sleep 60 & echo "pid $!"; wait\n', {
      signal: abort.signal,
      onLine: (line) => {
        if (!line.startsWith('pid ')) return;
        pid = Number(line.slice(4));
        abort.abort(new Error('Ctrl-C'));
      },
    });
    await expect(running).rejects.toThrow('Ctrl-C');
    // sshd signals the processes of everybody but root; that the signal arrived is what it complains of here.
    await expect.poll(() => sshd.log).toContain('session signalling requires privilege separation');
    process.kill(pid);
  });

  it('does not wait for what a script leaves running with its output open', async () => {
    const begun = performance.now();
    const result = await open().run('sleep 8 & echo "pid $!"\n');
    const [, pid] = /pid (\d+)/.exec(result.stdout) ?? [];
    process.kill(Number(pid));
    expect(result.exitCode).toBe(0);
    expect(performance.now() - begun).toBeLessThan(6000);
  });

  it('shares one connection among parallel runs, and connects again after close only by a new host', async () => {
    const before = sshd.logins;
    const host = open();
    const results = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => host.run(`exit ${String(index)}\n`)),
    );
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(sshd.logins - before).toBe(1);
    await host.close();
    await expect(host.run('true\n')).rejects.toMatchObject({ code: 'HOST_CLOSED' });
  });

  it('uploads, and goes on from an offset', async () => {
    const host = open();
    const local = at('blob');
    const bytes = Buffer.alloc(5_000_000, 'mlxfleet ');
    await writeFile(local, bytes);
    const remote = at("in coming/it's 1/blob");
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

  it('fails an upload whose offset is wrong, whose file is missing, or whose folder cannot be made', async () => {
    const host = open();
    await writeFile(at('small'), Buffer.alloc(3_000_000, 'bytes'));
    await writeFile(at('there.part'), 'abc');
    await expect(host.upload(at('small'), at('there'))).rejects.toMatchObject({
      code: 'UPLOAD_FAILED',
      message: `air: ${at('there')}.part holds 3 bytes, not 0`,
    });
    await expect(host.upload(at('nothing'), at('new'))).rejects.toMatchObject({ code: 'UPLOAD_FAILED' });
    await expect(host.upload(at('small'), at('there.part/new'))).rejects.toMatchObject({
      code: 'UPLOAD_FAILED',
      message: expect.stringMatching(/^air: .*mkdir.*there.part/s),
    });
  });

  it('gives up an upload that is aborted, and keeps the connection', async () => {
    const host = open();
    const abort = new AbortController();
    await writeFile(at('large'), Buffer.alloc(20_000_000));
    const uploading = host.upload(at('large'), at('large-copy'), {
      signal: abort.signal,
      onProgress: () => abort.abort(new Error('Ctrl-C')),
    });
    await expect(uploading).rejects.toThrow('Ctrl-C');
    expect((await host.run('true\n')).exitCode).toBe(0);
  });

  it('opens Unix sockets and ports on the host', async () => {
    const host = open();
    const socket = at('agent.sock');
    const greeter = await listen(socket);
    const byPort = await listen(0);
    cleanups.push(
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
    await expect(host.openUnixSocket(at('nobody.sock'))).rejects.toMatchObject({ code: 'AGENT_UNHEALTHY' });
    const [free = 0] = await freePorts(1);
    await expect(host.openLoopbackPort(free)).rejects.toMatchObject({ code: 'AGENT_UNHEALTHY' });
  });

  it('carries HTTP, whose client may let go in the middle of an answer', async () => {
    const host = open();
    const served = spawn(process.execPath, ['-e', HTTP_SERVER, at('http.sock')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    cleanups.push(() => served.kill());
    await once(served.stdout, 'data');
    const client: Client = clientOver('box', async () => host.openUnixSocket(at('http.sock')));
    const first = await client.request({ method: 'GET', path: '/short' });
    expect(await first.body.text()).toBe('short');
    const endless = await client.request({ method: 'GET', path: '/endless' });
    await once(endless.body, 'readable');
    await client.destroy();
    expect(client.destroyed).toBe(true);
  });

  it('names the keys that a host does not accept', async () => {
    await operator.configure([`IdentityFile ${at('absent')}`]);
    const identity = at('stranger');
    const host = open(air({ identity }), { env: operator.environment() });
    await expect(host.run('true\n')).resolves.toMatchObject({ exitCode: 0 });

    const { stdout } = await execute('ssh-keygen', ['-l', '-f', `${identity}.pub`]);
    const [, print = ''] = stdout.split(' ');
    await rename(at('id'), async () => {
      const refused = open(air({ identity })).run('true\n');
      await expect(refused).rejects.toMatchObject({ code: 'AUTH_FAILED' });
      await expect(refused).rejects.toThrow(`${identity} (ED25519 ${print})`);
    });
  });

  it('names an identity of the inventory that is missing or no key', async () => {
    const missing = open(air({ identity: at('absent') })).run('true\n');
    await expect(missing).rejects.toMatchObject({
      code: 'KEY_UNUSABLE',
      message: `air: the identity ${at('absent')} does not exist`,
    });
    const damaged = open(air({ identity: operator.knownHosts })).run('true\n');
    await expect(damaged).rejects.toMatchObject({ code: 'KEY_UNUSABLE' });
  });

  it('asks for a passphrase once for all hosts, and only when the host takes the key', async () => {
    const asked: number[] = [];
    const [first, second] = createHosts(
      { selected: [air({ identity: at('locked') }), air({ name: 'mini', identity: at('locked') })], all: [] },
      {
        acceptNew: false,
        env: operator.environment(),
        askPassphrase: async ({ keyFile, attempt }) => {
          expect(keyFile).toBe(at('locked'));
          asked.push(attempt);
          return attempt === 1 ? 'wrong' : 'opensesame';
        },
      },
    );
    cleanups.push(
      () => first?.close(),
      () => second?.close(),
    );
    const results = await Promise.all([first?.run('true\n'), second?.run('true\n')]);
    expect(results.map((result) => result?.exitCode)).toEqual([0, 0]);
    expect(asked).toEqual([1, 2]);
  });

  it('says when a passphrase is needed and nobody can be asked', async () => {
    await rename(at('id'), async () => {
      await expect(open(air({ identity: at('locked') })).run('true\n')).rejects.toMatchObject({
        code: 'PASSPHRASE_NEEDED',
        message: `air: the host takes the key ${at('locked')}, which is encrypted`,
      });
    });
  });

  it('uses the keys of an agent, and only those named with IdentitiesOnly', async () => {
    const socket = at('ssh-agent.sock');
    const agent = spawn('/usr/bin/ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    cleanups.push(() => agent.kill());
    await expect
      .poll(async () =>
        stat(socket).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    const env = operator.environment({ SSH_AUTH_SOCK: socket });
    await addToAgent(at('id'), env);
    await addToAgent(at('stranger'), env);
    await rename(at('id'), async () => {
      await expect(open(air(), { env }).run('true\n')).resolves.toMatchObject({ exitCode: 0 });
      await operator.configure(['IdentityAgent none']);
      await expect(open(air(), { env }).run('true\n')).rejects.toMatchObject({
        code: 'KEY_UNUSABLE',
        message: expect.stringContaining(`${at('id')} is only a public key`),
      });
      await operator.configure(['IdentitiesOnly yes', `IdentityFile ${at('stranger')}`]);
      await rename(at('id.pub'), async () => {
        await expect(open(air(), { env }).run('true\n')).rejects.toMatchObject({ code: 'AUTH_FAILED' });
      });
      // The public half beside the missing key chooses among the agent's keys.
      await expect(open(air(), { env }).run('true\n')).resolves.toMatchObject({ exitCode: 0 });
    });
  });

  it('refuses an unknown host key, asks where it can, and records the answer', async () => {
    await rm(operator.knownHosts);
    await expect(open().run('true\n')).rejects.toMatchObject({ code: 'HOST_KEY_UNKNOWN' });
    await expect(open(air(), { askHostKey: async () => false }).run('true\n')).rejects.toThrow(
      'not accepted',
    );
    const { stdout } = await execute('ssh-keygen', ['-l', '-f', at('sshd/host_ed25519.pub')]);
    const answer = open(air(), {
      deadlineMs: 500,
      askHostKey: async (question) => {
        expect(question).toEqual({
          host: 'air',
          knownAs: `[127.0.0.1]:${String(sshd.port)}`,
          keyType: 'ED25519',
          fingerprint: stdout.split(' ')[1],
        });
        // Longer than the deadline, which stands still meanwhile.
        await sleep(700);
        return true;
      },
    }).run('true\n');
    await expect(answer).resolves.toMatchObject({ exitCode: 0 });
    await expect(open().run('true\n')).resolves.toMatchObject({ exitCode: 0 });
  });

  it('records an unknown key without asking, where ssh finds it', async () => {
    await rm(operator.knownHosts);
    await operator.configure(['HashKnownHosts yes']);
    await open(air(), { acceptNew: true }).run('true\n');
    await operator.configure(['StrictHostKeyChecking yes']);
    await expect(open().run('true\n')).resolves.toMatchObject({ exitCode: 0 });
    const strict = ['-p', String(sshd.port), '127.0.0.1', 'exit 0'];
    await execute('ssh', strict, { env: operator.environment() });
  });

  it('refuses a changed host key, whatever may be accepted, and names the line', async () => {
    const [type, key] = (await readFile(at('stranger.pub'), 'utf8')).split(' ');
    await knowHost(`${type ?? ''} ${key ?? ''}`);
    const refused = open(air(), { acceptNew: true, askHostKey: async () => true }).run('true\n');
    await expect(refused).rejects.toMatchObject({
      code: 'HOST_KEY_CHANGED',
      message: expect.stringContaining(`${operator.knownHosts}:1 says another`),
      hint: expect.stringContaining(
        `ssh-keygen -R '[127.0.0.1]:${String(sshd.port)}' -f '${operator.knownHosts}'`,
      ),
    });
    const before = await readFile(operator.knownHosts, 'utf8');
    expect(before).not.toContain(await sshd.publicKey());
  });

  it('knows a host by its alias', async () => {
    await operator.configure(['HostKeyAlias the-air']);
    await writeFile(operator.knownHosts, `the-air ${await sshd.publicKey()}\n`);
    await expect(open().run('true\n')).resolves.toMatchObject({ exitCode: 0 });
  });

  it('asks a host with several keys for the one that is known', async () => {
    const several = await startSshd('several', { hostKeyTypes: ['ed25519', 'ecdsa', 'rsa'] });
    for (const type of ['rsa', 'ecdsa']) {
      const line = `[127.0.0.1]:${String(several.port)} ${await several.publicKey(type)}\n`;
      await writeFile(operator.knownHosts, line);
      await expect(open(air({ sshPort: several.port })).run('true\n')).resolves.toMatchObject({
        exitCode: 0,
      });
    }
  });

  it('goes through a jump host, whose key it verifies too', async () => {
    const gate = await startSshd('gate');
    const studio = sshHostNamed('studio', { address: '127.0.0.1', sshPort: gate.port });
    const behind = air({ jump: 'studio' });
    await expect(open(behind, {}, [studio]).run('true\n')).rejects.toMatchObject({
      code: 'HOST_KEY_UNKNOWN',
      message: expect.stringContaining('air (jump studio): '),
    });
    const host = open(behind, { acceptNew: true }, [studio]);
    const result = await host.run('echo "$SSH_CONNECTION"\n');
    expect(result.stdout).toContain(` ${String(sshd.port)}\n`);
    expect(gate.logins).toBe(1);
    await host.close();
    await expect.poll(() => gate.log).toMatch(/Disconnected from user|Connection closed/);

    const [dead = 0] = await freePorts(1);
    const unreachable = open({ ...behind, sshPort: dead }, { acceptNew: true }, [studio]).run('true\n');
    await expect(unreachable).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
      message: expect.stringContaining('not reached from the jump host'),
    });
  });

  it('says quickly why a host is not reached', async () => {
    const begun = performance.now();
    const [dead = 0] = await freePorts(1);
    await expect(open(air({ sshPort: dead })).run('true\n')).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
      message: expect.stringContaining(`air: 127.0.0.1:${String(dead)}: connection refused`),
    });
    await expect(open(air({ address: 'no-such-host.invalid' })).run('true\n')).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
    });
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  it('gives up at the deadline where nobody answers, and at once when told to', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    cleanups.push(() => silent.close());
    const address = silent.address();
    const blackHole = air({ sshPort: typeof address === 'object' && address !== null ? address.port : 0 });
    await expect(open(blackHole, { deadlineMs: 300 }).run('true\n')).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
      message: expect.stringContaining('no answer within 0.3 s'),
    });
    const abort = new AbortController();
    const aborted = open(blackHole, { signal: abort.signal }).run('true\n');
    setTimeout(() => abort.abort(new Error('Ctrl-C')), 100);
    await expect(aborted).rejects.toThrow('Ctrl-C');
    const host = open(blackHole);
    const waiting = host.run('true\n');
    await sleep(100);
    await host.close();
    await expect(waiting).rejects.toMatchObject({ code: 'HOST_CLOSED' });
  });

  it('tries again when the server drops the connection before it says who it is', async () => {
    let drops = 0;
    const busy = createServer((socket) => {
      drops += 1;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(busy, 'listening');
    cleanups.push(() => busy.close());
    const address = busy.address();
    const host = open(air({ sshPort: typeof address === 'object' && address !== null ? address.port : 0 }));
    await expect(host.run('true\n')).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
      message: expect.stringContaining('closed during the handshake'),
    });
    expect(drops).toBe(3);
  });

  it('says when the connection is lost in the middle, and connects again for the next call', async () => {
    const own = await startSshd('cut');
    const host = open(air({ sshPort: own.port }), { acceptNew: true });
    const lost = host.run('echo begun; sleep 30\n', {
      onLine: (line) => {
        if (line === 'begun') void own.cutConnections();
      },
    });
    await expect(lost).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringContaining('air: the connection was lost'),
    });
    await writeFile(at('cut-me'), Buffer.alloc(50_000_000));
    let cutting: Promise<void> | undefined;
    const upload = host.upload(at('cut-me'), at('cut-me-copy'), {
      onProgress: () => {
        cutting ??= own.cutConnections();
      },
    });
    await expect(upload).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect((await host.run('true\n')).exitCode).toBe(0);
  });

  it('says when the host refuses sessions or forwarding', async () => {
    const strict = await startSshd('strict', {
      config: [
        'MaxSessions 0',
        'AllowTcpForwarding no',
        'AllowStreamLocalForwarding no',
        'Banner /etc/hostname',
      ],
    });
    const host = open(air({ sshPort: strict.port }), { acceptNew: true });
    await expect(host.run('true\n')).rejects.toMatchObject({
      code: 'SESSION_REFUSED',
      message: expect.stringContaining('air: the host refuses to run a command'),
    });
    await expect(host.openUnixSocket('/run/x')).rejects.toMatchObject({ code: 'AGENT_UNHEALTHY' });
  });

  const startSshd = async (
    name: string,
    settings: { readonly config?: readonly string[]; readonly hostKeyTypes?: readonly string[] } = {},
  ): Promise<LoopbackSshd> => {
    const started = await LoopbackSshd.start({
      folder: at(name),
      authorizedKeys: [await readFile(at('id.pub'), 'utf8')],
      ...settings,
    });
    cleanups.push(() => started.stop());
    return started;
  };
});

async function addToAgent(file: string, env: NodeJS.ProcessEnv): Promise<void> {
  await execute('ssh-add', ['-q', file], { env });
}

/** Runs something while a file has another name. */
async function rename(file: string, during: () => Promise<void>): Promise<void> {
  await execute('mv', [file, `${file}.away`]);
  try {
    await during();
  } finally {
    await execute('mv', [`${file}.away`, file]);
  }
}

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
