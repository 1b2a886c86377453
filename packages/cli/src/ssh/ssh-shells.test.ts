import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findProgram } from '../../../../scripts/lib/system-packages.ts';
import { accountObstacle, LoopbackSshd } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import type { Host } from '../hosts/host.ts';
import { runScript } from '../remote-commands/run-script.ts';
import { script } from '../remote-commands/script.ts';
import { type SshSite, sshSiteForTests } from './testing/ssh-site.ts';

const execute = promisify(execFile);

/** Text, bytes that are no text, a line without an end, and words on stderr. */
const NOISE = String.raw`echo "Welcome to the machine"; printf '\000\377\376\033[31m=== mlxfleet 0 begin\nhalf a line'`;

interface LoginShell {
  readonly title: string;
  /** Program, when it may be missing on this machine. */
  readonly program: string;
  /** Start-up file that it reads before a command, relative to the home. */
  readonly startUpFile: string;
  readonly noise: string;
}

const SHELLS: readonly LoginShell[] = [
  {
    title: 'bash with a noisy .bashrc',
    program: 'bash',
    startUpFile: '.bashrc',
    noise: `${NOISE}; echo careful >&2\n`,
  },
  {
    title: 'zsh with a noisy .zshenv',
    program: 'zsh',
    startUpFile: '.zshenv',
    noise: `${NOISE}; echo careful >&2\n`,
  },
  {
    title: 'fish with a noisy config.fish',
    program: 'fish',
    startUpFile: '.config/fish/config.fish',
    noise: `${NOISE}; echo careful >&2\n`,
  },
  {
    title: 'tcsh with a noisy .tcshrc',
    program: 'tcsh',
    startUpFile: '.tcshrc',
    noise: `${NOISE}; sh -c 'echo careful >&2'\n`,
  },
];

for (const shell of SHELLS) {
  const program = await findProgram(shell.program);
  const missing = program === null ? `${shell.program} is not installed` : null;
  describeUnless((await accountObstacle()) ?? missing, `a login shell: ${shell.title}`, () => {
    const take = hostForTests({ shell: program ?? '' }, async (sshd) => {
      const file = path.join(sshd.home, shell.startUpFile);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, shell.noise);
    });
    understandsTheEngine(take);

    it('makes its noise, of which the answer is free', async () => {
      const { host, sshd, site } = take();
      const words = ['-p', String(sshd.port), '-o', 'StrictHostKeyChecking=no', '127.0.0.1', 'echo end'];
      expect(await execute('ssh', words, { env: site.operator.environment() })).toMatchObject({
        stdout: expect.stringContaining('half a lineend\n'),
        stderr: expect.stringContaining('careful\n'),
      });
      const { stdout, stderr } = await host.run('echo end\n');
      expect(stdout).toBe('end\n');
      expect(stderr).toContain('careful\n');
    });
  });
}

describeUnless(await accountObstacle(), 'a login shell that speaks at every start', () => {
  const take = hostForTests({ program: '#!/bin/sh\nhead -c 100000 /dev/urandom; echo; exec /bin/sh "$@"\n' });
  understandsTheEngine(take);
});

describeUnless(await accountObstacle(), 'a start-up file that reads its input', () => {
  const take = hostForTests({ shell: '/bin/bash' }, async (sshd) => {
    await writeFile(path.join(sshd.home, '.bashrc'), 'read -r answer; read -r -t 1 another\n');
  });
  understandsTheEngine(take);
});

describeUnless(await accountObstacle(), 'a start-up file that reads its input to the end', () => {
  const take = hostForTests({ shell: '/bin/bash' }, async (sshd) => {
    await writeFile(path.join(sshd.home, '.bashrc'), 'cat >/dev/null\n');
  });

  it('is told as what it is', async () => {
    const { host, site, sshd } = take();
    const hint = expect.stringContaining('~/.bashrc');
    await expect(host.run('echo ran\n')).rejects.toMatchObject({
      code: 'SCRIPT_BROKEN',
      message: 'air: the login shell has read the script',
      hint,
    });
    await writeFile(site.at('blob'), Buffer.alloc(300_000));
    await expect(host.upload(site.at('blob'), path.join(sshd.home, 'blob'))).rejects.toMatchObject({
      code: 'UPLOAD_FAILED',
      message: 'air: the login shell has read the file',
      hint,
    });
  });
});

describeUnless(await accountObstacle(), 'an account without a shell', () => {
  const take = hostForTests({
    program: '#!/bin/sh\necho "This account is currently not available."; exit 1\n',
  });

  it('is told in its own words', async () => {
    const { host, site } = take();
    const remote = script(['lib', 'exec'], { ROOT: '~/x', COMMAND_LINE: 'echo ran' });
    await expect(runScript(host, remote, () => undefined, { holdStdin: true })).rejects.toMatchObject({
      code: 'SCRIPT_BROKEN',
      message: 'air: the script ended early with exit code 1: This account is currently not available.',
    });
    await writeFile(site.at('blob'), Buffer.alloc(300_000));
    await expect(host.upload(site.at('blob'), site.at('copy'))).rejects.toMatchObject({
      code: 'UPLOAD_FAILED',
    });
  });
});

interface Taken {
  readonly site: SshSite;
  readonly sshd: LoopbackSshd;
  readonly host: Host;
}

/**
 * An sshd of its own for the tests of one block, and the way to it. The login shell is a program of this machine or has
 * a text of its own.
 */
function hostForTests(
  shell: { readonly shell: string } | { readonly program: string },
  prepare?: (sshd: LoopbackSshd) => Promise<void>,
): () => Taken {
  let site: SshSite;
  let sshd: LoopbackSshd;
  sshSiteForTests((made) => {
    site = made;
  });
  beforeAll(async () => {
    const file = 'shell' in shell ? shell.shell : site.at('shell');
    if ('program' in shell) {
      await writeFile(file, shell.program);
      await chmod(file, 0o755);
    }
    sshd = await LoopbackSshd.start({
      folder: site.at('own'),
      authorizedKeys: [await readFile(site.at('id.pub'), 'utf8')],
      account: { shell: file },
    });
    await prepare?.(sshd);
  });
  afterAll(() => sshd.stop());
  return () => ({ site, sshd, host: site.open({ sshPort: sshd.port }, { acceptNew: true }) });
}

/** The tests of everything that the engine asks of a login shell. */
function understandsTheEngine(take: () => Taken): void {
  const ODD = `it's "$HOME" \`id\` \\n !x *?[a] {b,c} ~ # ü`;

  it('runs scripts and hands their answers and exit codes on', async () => {
    const { host } = take();
    const lines: string[] = [];
    const remote = script(['lib', 'exec'], {
      ROOT: '~/x',
      COMMAND_LINE: `printf '%s\\n' "$ODD"; exit 5`,
      ODD,
    });
    const { exitCode } = await runScript(host, remote, (line) => lines.push(line), { holdStdin: true });
    expect({ exitCode, lines }).toEqual({ exitCode: 5, lines: [ODD] });
    expect((await host.run('exit 3\n')).exitCode).toBe(3);
  });

  it('uploads to a path with quotes, and says how many bytes are there', async () => {
    const { host, site, sshd } = take();
    const bytes = Buffer.alloc(300_000, 'mlxfleet ');
    await writeFile(site.at('blob'), bytes);
    const remote = path.join(sshd.home, ODD.replaceAll('/', ''), 'x'.repeat(200), 'blob');
    await host.upload(site.at('blob'), remote);
    expect((await readFile(`${remote}.part`)).equals(bytes)).toBe(true);
    await expect(host.upload(site.at('blob'), remote, { offset: 300_001 })).rejects.toMatchObject({
      code: 'UPLOAD_FAILED',
      message: `air: ${remote}.part holds 300000 bytes, not 300001`,
    });
  });

  it('opens sockets', async () => {
    const { host, site } = take();
    const socket = site.at('greeter.sock');
    const server = createServer((client) => client.end('hello')).listen(socket);
    site.afterwards(() => server.close());
    await once(server, 'listening');
    expect(await text(await host.openUnixSocket(socket))).toBe('hello');
  });
}
