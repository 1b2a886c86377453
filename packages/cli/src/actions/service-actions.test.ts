import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeService } from './change-service.ts';
import { execOnHost } from './exec-on-host.ts';
import { readLogs } from './read-logs.ts';
import { status } from './status.ts';
import { deployStandIn } from './testing/deploy-stand-in.ts';
import { StandInHost, standInSettings } from './testing/stand-ins.ts';
import { uninstallHost } from './uninstall-host.ts';

let host: StandInHost;
const { signal } = new AbortController();

beforeAll(async () => {
  host = await StandInHost.create();
});

afterAll(async () => {
  await host.dispose();
});

const stateNow = async (): Promise<unknown> => (await status([host.target], signal)).hosts[0]?.state;
const pidIn = async (file: string): Promise<number> => Number(await readFile(host.path('run', file), 'utf8'));
const change = async (action: 'start' | 'stop' | 'restart'): Promise<unknown> =>
  changeService(host.target, action, standInSettings, signal);

/** A zombie has ended: that nobody collects it in a container is not our fault. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}

/** Command lines of running processes that contain a text. */
function processesOf(text: string): string[] {
  const { stdout } = spawnSync('ps', ['-axww', '-o', 'stat=', '-o', 'args='], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.includes(text) && !line.startsWith('Z'));
}

/** One host from its first day to its last; each test goes on where the one before ended. */
describe('the life of a host', () => {
  test('before anything is deployed', async () => {
    expect(await stateNow()).toBe('not-installed');
    await expect(change('start')).rejects.toMatchObject({ code: 'NOTHING_DEPLOYED' });
    expect(await uninstallHost(host.target, { purgeModels: false }, standInSettings, signal)).toEqual({
      outcome: 'unchanged',
      detail: 'not installed',
    });
  });

  test('a deploy makes it healthy', async () => {
    const { row } = await deployStandIn(host, { version: '1.0.0' });
    const document = await status([host.target], signal);
    expect(document.hosts[0]).toMatchObject({ state: 'healthy', release: row.release, version: '1.0.0' });
    expect(await change('start')).toEqual({ outcome: 'unchanged', detail: 'running already' });
  });

  test('an agent that is killed comes back, one whose supervisor is killed is replaced with it', async () => {
    const agent = await pidIn('agent.pid');
    process.kill(agent, 'SIGKILL');
    await expect.poll(async () => pidIn('agent.pid'), { timeout: 5000 }).not.toBe(agent);
    await expect.poll(stateNow, { timeout: 5000 }).toBe('healthy');
    const supervisor = await pidIn('supervisor.pid');
    const orphan = await pidIn('agent.pid');
    process.kill(supervisor, 'SIGKILL');
    expect(await change('start')).toEqual({ outcome: 'changed', detail: 'started' });
    expect(isAlive(orphan)).toBe(false);
    expect(await pidIn('supervisor.pid')).not.toBe(supervisor);
  });

  test('stale ids of an earlier boot are not believed', async () => {
    await change('stop');
    await writeFile(host.path('run/supervisor.pid'), `${String(process.pid)}\n`);
    expect(await stateNow()).toBe('stopped');
    expect(await change('stop')).toEqual({ outcome: 'unchanged', detail: 'stopped already' });
    expect(isAlive(process.pid)).toBe(true);
    expect(await change('start')).toEqual({ outcome: 'changed', detail: 'started' });
  });

  test('a restart gives a new process, a stop leaves none', async () => {
    const before = await pidIn('supervisor.pid');
    expect(await change('restart')).toEqual({ outcome: 'changed', detail: 'restarted' });
    const after = await pidIn('supervisor.pid');
    expect([isAlive(before), isAlive(after)]).toEqual([false, true]);
    expect(await change('stop')).toEqual({ outcome: 'changed', detail: 'stopped' });
    expect(isAlive(after)).toBe(false);
    expect(await readdir(host.path('run'))).not.toContain('supervisor.pid');
  });

  describe('a start that does not come to serve', () => {
    let control: string;

    beforeAll(async () => {
      control = await readFile(host.path('current/agent/control.mjs'), 'utf8');
      await change('stop');
    });

    afterAll(async () => {
      await writeFile(host.path('current/agent/control.mjs'), control);
      await change('start');
    });

    test('shows why, with the last words of this start alone', async () => {
      await writeFile(host.path('logs/agent.log'), 'words of an earlier start\n');
      await writeFile(
        host.path('current/agent/control.mjs'),
        `setTimeout(() => { console.log('{"event":"failed","message":"still loading"}'); process.exit(1); }, 300);`,
      );
      const failure = await change('start').catch((error: unknown) => String(error));
      expect(failure).toContain('the agent was started but does not serve: still loading');
      expect(failure).toContain('stand-in 1.0.0 (healthy) starts');
      expect(failure).not.toContain('words of an earlier start');
      await change('stop');
    });

    test('shows the reason of the agent alone, and a start once it is mended waits for no other attempt', async () => {
      await writeFile(host.path('current/agent/control.mjs'), control);
      const agent = await readFile(host.path('current/agent/agent.mjs'), 'utf8');
      const broken = `console.log('{"level":30,"time":1,"msg":"noise"}');
console.error('error CONFIG_INVALID: config.yaml:3: prot: unknown key\\n  Correct the file.');
process.exit(1);`;
      const reason = {
        message: 'here: the agent was started but does not serve: config.yaml:3: prot: unknown key',
        hint: expect.stringMatching(/^Correct the file\. .*mlxfleet logs HOST/),
      };
      await writeFile(host.path('current/agent/agent.mjs'), broken);
      await expect(change('restart')).rejects.toMatchObject(reason);
      await expect(change('start')).rejects.toMatchObject(reason);
      // Each end doubles the wait of the supervisor: after the third it is much longer than a health check is patient.
      const endsOfThisSupervisor = async (): Promise<number> => {
        const told = await readFile(host.path('logs/supervisor.log'), 'utf8');
        const own = told.slice(told.lastIndexOf(' supervisor '));
        return own.split('ended with status 1').length - 1;
      };
      await expect.poll(endsOfThisSupervisor, { timeout: 10_000 }).toBe(3);
      await writeFile(host.path('current/agent/agent.mjs'), agent);
      expect(await change('start')).toEqual({ outcome: 'changed', detail: 'started' });
      expect(await stateNow()).toBe('healthy');
      expect(await change('start')).toEqual({ outcome: 'unchanged', detail: 'running already' });
      await change('stop');
    });

    test('does not judge the next agent by one that was about to end', async () => {
      const agent = await readFile(host.path('current/agent/agent.mjs'), 'utf8');
      const dying = `console.log('about to end'); setTimeout(() => process.exit(1), 1500);`;
      await writeFile(host.path('current/agent/agent.mjs'), dying);
      await expect(change('restart')).rejects.toMatchObject({ code: 'SERVICE_FAILED' });
      const begun = async (): Promise<number> =>
        (await readFile(host.path('logs/agent.log'), 'utf8')).split('about to end').length;
      const before = await begun();
      await expect.poll(begun, { timeout: 10_000 }).toBe(before + 1);
      await writeFile(host.path('current/agent/agent.mjs'), agent);
      expect(await change('start')).toEqual({ outcome: 'changed', detail: 'started' });
      await change('stop');
    });

    test('tells how a health check ended that gave no reason', async () => {
      await writeFile(host.path('current/agent/control.mjs'), 'process.exit(9)');
      await expect(change('start')).rejects.toThrow('gave no reason: it ended with exit code 9');
      await change('stop');
    });

    test('is enough for a release from before --ready-only, if the service runs', async () => {
      await writeFile(
        host.path('current/agent/control.mjs'),
        `if (process.argv.includes('--ready-only')) process.exit(2);`,
      );
      expect(await change('start')).toEqual({ outcome: 'changed', detail: 'started' });
      await change('stop');
    });
  });

  test('logs are shown by number and by age', async () => {
    const now = Date.now();
    const lines = [
      JSON.stringify({ time: now - 7_200_000, msg: 'old' }),
      '  a line of a stack, as old',
      JSON.stringify({ time: now - 5000, msg: 'new' }),
      '  a line of a stack, as new',
    ];
    await writeFile(host.path('logs/agent.log'), `${lines.join('\n')}\n`);
    const shown = async (options: {
      lines?: number;
      sinceSeconds?: number;
      worker?: string;
    }): Promise<string[]> => {
      const seen: string[] = [];
      const all = { lines: null, follow: false, sinceSeconds: null, worker: null, ...options };
      await readLogs(host.target, all, (line) => seen.push(line), signal);
      return seen;
    };
    expect(await shown({ lines: 1 })).toEqual(lines.slice(3));
    expect(await shown({})).toEqual(lines);
    expect(await shown({ sinceSeconds: 60 })).toEqual(lines.slice(2));
    await writeFile(host.path('logs/worker-org--a_model.log'), 'from the worker\n');
    expect(await shown({ worker: 'org/a model' })).toEqual(['from the worker']);
    const stamp = (ago: number): string => new Date(now - ago).toISOString().replace(/\.\d+/, '');
    const words = [`${stamp(7_200_000)} old`, 'Traceback, as old', `${stamp(5000)} new`, 'Traceback, as new'];
    await writeFile(host.path('logs/worker-org--a_model.log'), `${words.join('\n')}\n`);
    expect(await shown({ worker: 'org/a model', sinceSeconds: 60 })).toEqual(words.slice(2));
    const seen: string[] = [];
    const none = { lines: null, follow: false, sinceSeconds: null, worker: 'gone' };
    await expect(readLogs(host.target, none, (line) => seen.push(line), signal)).rejects.toMatchObject({
      code: 'NO_LOGS',
      message: expect.stringMatching(/worker-gone\.log$/),
    });
    expect(seen).toEqual([]);
  });

  test('followed logs end with the signal and leave no process behind', async () => {
    const controller = new AbortController();
    const seen: string[] = [];
    const options = { lines: 1, follow: true, sinceSeconds: null, worker: null };
    const following = readLogs(host.target, options, (line) => seen.push(line), controller.signal);
    await expect.poll(() => seen.length, { timeout: 5000 }).toBe(1);
    await expect
      .poll(
        async () => {
          await writeFile(host.path('logs/agent.log'), 'another line\n', { flag: 'a' });
          return seen;
        },
        { timeout: 5000 },
      )
      .toContain('another line');
    controller.abort();
    await following;
    const { stdout } = await execOnHost(host.target, ['ps -axww -o args='], () => undefined, signal);
    expect(stdout).not.toContain(`tail -n 0 -F ${host.path('logs/agent.log')}`);
  });

  test('a command runs with its own words, streams and exit code', async () => {
    const seen: string[] = [];
    const result = await execOnHost(
      host.target,
      ['sh', '-c', 'echo "$1"; echo oops >&2; exit 7', 'sh', "it's  $HOME"],
      (stream, line) => seen.push(`${stream}: ${line}`),
      signal,
    );
    expect(result).toEqual({ exitCode: 7, stdout: "it's  $HOME\n", stderr: 'oops\n' });
    expect(seen.toSorted()).toEqual(["stdout: it's  $HOME", 'stderr: oops'].toSorted());
    const line = await execOnHost(host.target, ['echo $((1 + 1)); cat'], () => undefined, signal);
    expect(line.stdout).toBe('2\n');
  });

  test('of much output the result keeps the beginning, and says so', async () => {
    const seen: string[] = [];
    const command = ['printf "%s\\n" one two three four'];
    const result = await execOnHost(host.target, command, (_, line) => seen.push(line), signal, 8);
    expect(seen).toEqual(['one', 'two', 'three', 'four']);
    expect(result.stdout).toBe('one\ntwo\n[mlxfleet: 2 more lines are left out]\n');
  });

  test('an interrupted command ends with everything that it started', async () => {
    const controller = new AbortController();
    const command = [`sh -c 'sleep 3187; echo' & echo up; sleep 3187; echo`];
    const running = execOnHost(host.target, command, () => controller.abort(), controller.signal);
    await expect(running).rejects.toThrow(/abort/i);
    await expect.poll(() => processesOf('sleep 3187'), { timeout: 5000 }).toEqual([]);
  });

  test('a removal that cannot remove everything says what is left, and can be run again', async () => {
    // A rm that leaves one folder alone.
    const rmThatFails = `#!/bin/sh
case "$*" in */logs) echo "rm: cannot remove: Operation not permitted" >&2; exit 1 ;; esac
exec /bin/rm "$@"
`;
    await writeFile(join(host.folder, 'bin/rm'), rmThatFails, { mode: 0o755 });
    const removing = uninstallHost(host.target, { purgeModels: false }, standInSettings, signal);
    await expect(removing).rejects.toMatchObject({ code: 'ROOT_NOT_WRITABLE' });
    await expect(removing).rejects.toThrow(/could not remove .*\/logs\n {2}\| rm: cannot remove/);
    await rm(join(host.folder, 'bin/rm'));
    expect(await readdir(host.path('deploy/lock'))).toEqual([]);
    const again = await uninstallHost(host.target, { purgeModels: false }, standInSettings, signal);
    expect(again.outcome).toBe('changed');
    await deployStandIn(host, { version: '1.0.0' });
  });

  test('removal keeps models and what is not ours, and nothing else', async () => {
    await mkdir(host.path('shared/models/tiny'), { recursive: true });
    await writeFile(host.path('notes.txt'), 'mine');
    const kept = await uninstallHost(host.target, { purgeModels: false }, standInSettings, signal);
    expect(kept.outcome).toBe('changed');
    expect((await readdir(host.root)).toSorted()).toEqual(['notes.txt', 'shared']);
    expect(await readdir(host.path('shared'))).toEqual(['models']);
    expect(await stateNow()).toBe('not-installed');
    await mkdir(host.path('logs'));
    expect(await uninstallHost(host.target, { purgeModels: true }, standInSettings, signal)).toEqual({
      outcome: 'changed',
      detail: 'removed, models too',
    });
    expect((await readdir(host.root)).toSorted()).toEqual(['logs', 'notes.txt']);
    await deployStandIn(host, { version: '1.0.0' });
    await uninstallHost(host.target, { purgeModels: true }, standInSettings, signal);
    expect(await readdir(host.root)).toEqual(['notes.txt']);
    await expect(stat(host.path('shared'))).rejects.toThrow('ENOENT');
  });
});
