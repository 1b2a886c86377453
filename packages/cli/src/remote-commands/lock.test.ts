import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, type TestContext } from 'vitest';
import { changeService } from '../actions/change-service.ts';
import { StandInHost, standInSettings } from '../actions/testing/stand-ins.ts';
import { unlockHost } from '../actions/unlock-host.ts';

const { signal } = new AbortController();
const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'unknown')).trim();

/** A host of a test's own: the tests mostly wait, and do so side by side. */
async function newHost({ onTestFinished }: TestContext): Promise<StandInHost> {
  const host = await StandInHost.create();
  onTestFinished(async () => host.dispose());
  await mkdir(host.path('deploy/lock'), { recursive: true });
  return host;
}

/** Locks a host as another command would have left it. */
async function lock(host: StandInHost, pid: number, secondsAgo: number): Promise<void> {
  const started = Math.floor(Date.now() / 1000) - secondsAgo;
  const holder = ['id=other', 'holder=eve@laptop', `pid=${String(pid)}`, `boot=${boot}`, 'command=deploy'];
  await writeFile(
    host.path('deploy/lock/holder'),
    [...holder, `started=${String(started)}`, 'operator_pid=1', ''].join('\n'),
  );
  await writeFile(host.path('deploy/lock/lease'), `other ${String(started)}\n`);
}

/** A process that is gone. */
async function deadPid(): Promise<number> {
  const child = spawn('true');
  const { pid } = child;
  await new Promise((resolve) => {
    child.once('exit', resolve);
  });
  return pid ?? 0;
}

const stop = async (host: StandInHost, waitLockSeconds = 0): Promise<unknown> =>
  changeService(host.target, 'stop', { ...standInSettings, waitLockSeconds }, signal);

describe.concurrent('the lock of a host', () => {
  test('refuses while its holder is alive and shows who it is', async (context) => {
    const host = await newHost(context);
    await lock(host, process.pid, 3);
    const refused = stop(host);
    await expect(refused).rejects.toMatchObject({ code: 'LOCK_HELD' });
    await expect(refused).rejects.toThrow(/^here: locked by eve@laptop: deploy, since [34] s$/);
    expect(await readFile(host.path('deploy/lock/holder'), 'utf8')).toContain('eve@laptop');
    expect(await readdir(host.path('deploy/lock'))).toEqual(['holder', 'lease']);
  });

  test('of a dead holder is taken over at once, and released afterwards', async (context) => {
    const host = await newHost(context);
    await lock(host, await deadPid(), 1);
    expect(await stop(host)).toEqual({ outcome: 'unchanged', detail: 'stopped already' });
    expect(await readdir(host.path('deploy/lock'))).toEqual([]);
  });

  test('that nobody renews is taken over once it is clear that nobody will', async (context) => {
    const host = await newHost(context);
    await lock(host, process.pid, 60);
    const began = performance.now();
    await stop(host);
    // A holder renews every five seconds: a look over six tells.
    expect(performance.now() - began).toBeGreaterThan(5000);
  });

  test('is had by one of several that want it at the same time, the others wait', async (context) => {
    const host = await newHost(context);
    await lock(host, await deadPid(), 1);
    const outcomes = await Promise.all([stop(host, 20), stop(host, 20), stop(host, 20)]);
    expect(outcomes).toHaveLength(3);
    expect(await readdir(host.path('deploy/lock'))).toEqual([]);
  });
});

test('on a filesystem without hard links is refused with the reason, not tried for ever', async (context) => {
  const host = await newHost(context);
  await writeFile(join(host.folder, 'bin/ln'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const refused = stop(host);
  await expect(refused).rejects.toMatchObject({ code: 'ROOT_NOT_WRITABLE' });
  await expect(refused).rejects.toThrow('hard links');
  expect(await readdir(host.path('deploy/lock'))).toEqual([]);
  await rm(join(host.folder, 'bin/ln'));
});

test('that a power cut left empty is taken over', async (context) => {
  const host = await newHost(context);
  await writeFile(host.path('deploy/lock/holder'), '');
  expect(await stop(host)).toEqual({ outcome: 'unchanged', detail: 'stopped already' });
  expect(await readdir(host.path('deploy/lock'))).toEqual([]);
});

describe.concurrent('unlock', () => {
  test('tells that there is no lock', async (context) => {
    const host = await newHost(context);
    expect(await unlockHost(host.target, { force: false }, standInSettings, signal)).toEqual({
      outcome: 'unchanged',
      detail: 'no lock',
    });
  });

  test('leaves a living holder alone unless forced', async (context) => {
    const host = await newHost(context);
    await lock(host, process.pid, 2);
    await expect(unlockHost(host.target, { force: false }, standInSettings, signal)).rejects.toMatchObject({
      code: 'LOCK_HELD',
    });
    const { outcome, detail } = await unlockHost(host.target, { force: true }, standInSettings, signal);
    expect(outcome).toBe('changed');
    expect(detail).toMatch(/^removed the lock of eve@laptop \(deploy\)/);
    expect(await readdir(host.path('deploy/lock'))).toEqual([]);
  });
});
