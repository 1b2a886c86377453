import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeKeyPair } from '../../../../test/support/loopback-sshd.ts';
import { SshOperator } from '../../../../test/support/ssh-operator.ts';
import { KnownHostsRecorder } from './known-hosts-recorder.ts';
import { Questions } from './questions.ts';
import { findRoute } from './route.ts';
import { runSshTool } from './ssh-tool.ts';
import { sshHostNamed } from './testing/ssh-host-named.ts';
import { lookUpHost } from './verify-host-key.ts';

const HOSTS = Array.from({ length: 20 }, (_, index) => sshHostNamed(`host${String(index)}`));

describe('ssh and ssh-keygen, asked for many hosts at once', () => {
  let folder: string;
  let started: number;
  const count = (): void => {
    started += 1;
  };

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'ssh-tool-'));
    started = 0;
    subscribe('child_process', count);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    unsubscribe('child_process', count);
    await rm(folder, { recursive: true });
  });

  /** A program named ssh that is found first. */
  const ssh = async (...lines: readonly string[]): Promise<NodeJS.ProcessEnv> => {
    const file = path.join(folder, 'ssh');
    await writeFile(file, ['#!/bin/sh', ...lines, ''].join('\n'));
    await chmod(file, 0o755);
    return { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` };
  };

  it('are started by a few processes, and each host gets its own answer', async () => {
    await makeKeyPair(path.join(folder, 'key'));
    const key = (await readFile(path.join(folder, 'key.pub'), 'utf8')).split(' ').slice(0, 2).join(' ');
    const operator = await SshOperator.create(path.join(folder, 'operator'));
    await operator.configure(HOSTS.flatMap(({ name }) => [`Host ${name}`, `HostName ${name}.local`]));
    await writeFile(operator.knownHosts, HOSTS.map(({ name }) => `${name}.local ${key}\n`).join(''));
    const env = operator.environment();
    const context = {
      env,
      acceptNew: false,
      questions: new Questions({}),
      recorder: new KnownHostsRecorder(),
    };
    started = 0;
    const routes = await Promise.all(HOSTS.map(async (host) => findRoute(host, { inventory: HOSTS, env })));
    expect(started).toBe(1);
    expect(routes.map(({ hop }) => hop.config.hostname)).toEqual(HOSTS.map(({ name }) => `${name}.local`));
    const known = await Promise.all(routes.map(async ({ hop }) => lookUpHost(hop, context)));
    expect(known.map((one) => one.known.map(({ line }) => line))).toEqual(
      HOSTS.map((_, index) => [index + 1]),
    );
    // Their files are looked for one after the other, so the first question may go alone.
    expect(started).toBeLessThanOrEqual(3);
  });

  it('get every word as it is, and give back both outputs and the code', async () => {
    const env = await ssh(String.raw`printf '%s|' "$@"`, String.raw`printf 'for %s\n' "$2" >&2`, 'exit "$1"');
    const words = ['', ' two  words ', "it's", '$HOME `id` \\n', 'line\nfeed', '*', '-n', 'ü'];
    const answers = await Promise.all(
      words.map(async (word, index) => runSshTool('ssh', [String(index * 15), word], env)),
    );
    expect(answers).toEqual(
      words.map((word, index) => ({
        exitCode: index * 15,
        stdout: `${String(index * 15)}|${word}|`,
        stderr: `for ${word}\n`,
      })),
    );
    expect(started).toBe(1);
  });

  it('read nothing, and leave no files', async () => {
    vi.stubEnv('TMPDIR', folder);
    const env = await ssh('cat');
    const answers = await Promise.all(['a', 'b'].map(async (word) => runSshTool('ssh', [word], env)));
    expect(answers.map(({ stdout }) => stdout)).toEqual(['', '']);
    // They go once all are answered.
    await expect.poll(async () => readdir(folder)).toEqual(['ssh']);
  });

  it('that the shell cannot tell about are asked alone', async () => {
    const env = await ssh('case $1 in killed) kill -KILL $$;; 127) exit 127;; esac; echo fine');
    const [fine, code, killed, unquotable] = await Promise.allSettled(
      ['fine', '127', 'killed', 'a\0b'].map(async (word) => runSshTool('ssh', [word], env)),
    );
    expect(fine).toMatchObject({ value: { exitCode: 0, stdout: 'fine\n' } });
    expect(code).toMatchObject({ value: { exitCode: 127, stdout: '' } });
    expect(killed).toMatchObject({ reason: { code: 'SSH_CONFIG_INVALID' } });
    expect(unquotable).toMatchObject({ status: 'rejected' });
  });

  it('are told to be missing, each', async () => {
    const env = { ...process.env, PATH: path.join(folder, 'empty') };
    const answers = await Promise.allSettled([
      runSshTool('ssh', ['air'], env),
      runSshTool('ssh-keygen', ['air'], env),
    ]);
    expect(answers).toMatchObject(
      ['ssh', 'ssh-keygen'].map((program) => ({
        reason: { code: 'SSH_MISSING', message: `the program ${program} is not installed` },
      })),
    );
  });

  it('keep nobody waiting for one that hangs, which is ended', { timeout: 20_000 }, async () => {
    const pidFile = path.join(folder, 'pid');
    const env = {
      ...(await ssh('test "$1" = stuck || exit 0', 'echo $$ >"$PID_FILE"', 'exec sleep 60')),
      PID_FILE: pidFile,
    };
    const begun = performance.now();
    const stuck = runSshTool('ssh', ['stuck'], env);
    const rest = [runSshTool('ssh', ['a'], env), runSshTool('ssh', ['b'], env)];
    const ended = Promise.allSettled([stuck]);
    await Promise.all(rest);
    await Promise.all(['a', 'b'].map(async (word) => runSshTool('ssh', [word], env)));
    expect(performance.now() - begun).toBeLessThan(4000);
    expect(await ended).toMatchObject([
      { reason: { code: 'SSH_CONFIG_INVALID', message: 'ssh did not end within 5 s' } },
    ]);
    const pid = Number(await readFile(pidFile, 'utf8'));
    await expect.poll(() => isRunning(pid)).toBe(false);
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
