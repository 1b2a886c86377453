import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync, statSync, truncateSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { distributionFolder } from '../release/distribution-folder.ts';
import { deployStandIn, type StandInOutcome } from './testing/deploy-stand-in.ts';
import { RecordingObserver, StandInHost } from './testing/stand-ins.ts';

let host: StandInHost;

beforeEach(async () => {
  host = await StandInHost.create();
});

afterEach(async () => {
  await host.dispose();
});

describe('a deploy that is cut off', () => {
  test('by Ctrl-C while packages are installed leaves the old release and nothing half made', async () => {
    const good = await deployStandIn(host, { version: '1.0.0' });
    const controller = new AbortController();
    const bad = deployStandIn(host, {
      version: '1.1.0',
      settings: { clean: true },
      host: { env: { UV_STAND_IN_SLEEP: '30' } },
      signal: controller.signal,
    });
    await expect.poll(async () => readdir(host.path('envs')), { timeout: 5000 }).toHaveLength(2);
    controller.abort(new DOMException('Interrupted', 'AbortError'));
    const { row } = await bad;
    expect(row).toMatchObject({
      outcome: 'failed',
      release: good.row.release,
      error: { code: 'INTERRUPTED' },
    });
    expect(await readdir(host.path('envs'))).toHaveLength(1);
    expect(await readdir(host.path('deploy/lock'))).toEqual([]);
    expect(await host.currentRelease()).toBe(good.row.release);
    expect((await deployStandIn(host, { version: '1.1.0' })).row.outcome).toBe('changed');
  });

  test('by Ctrl-C while the new release starts brings the old one back', async () => {
    const good = await deployStandIn(host, { version: '1.0.0' });
    const controller = new AbortController();
    const bad = deployStandIn(host, {
      version: '1.1.0',
      behaviour: 'never-ready',
      signal: controller.signal,
    });
    await expect.poll(async () => host.currentRelease(), { timeout: 5000 }).not.toBe(good.row.release);
    controller.abort(new DOMException('Interrupted', 'AbortError'));
    const { row } = await bad;
    expect(row).toMatchObject({
      outcome: 'rolled-back',
      release: good.row.release,
      error: { code: 'INTERRUPTED' },
    });
    expect((await deployStandIn(host, { version: '1.0.0' })).row.outcome).toBe('unchanged');
  });

  test('by SIGKILL of the script after the switch is undone by the host itself', async () => {
    const good = await deployStandIn(host, { version: '1.0.0' });
    const bad = deployStandIn(host, { version: '1.1.0', behaviour: 'never-ready' });
    await expect.poll(async () => host.currentRelease(), { timeout: 5000 }).not.toBe(good.row.release);
    await killScript();
    expect((await bad).row).toMatchObject({ outcome: 'failed', error: { code: 'SCRIPT_BROKEN' } });
    await expect.poll(async () => host.currentRelease(), { timeout: 10_000 }).toBe(good.row.release);
    await expect.poll(settled, { timeout: 20_000 }).toEqual({ lock: [], pending: false });
    expect(await readFile(host.path('deploy/audit.log'), 'utf8')).toContain(
      `outcome=undone-to-${good.row.release ?? ''}`,
    );
    expect((await deployStandIn(host, { version: '1.0.0' })).row.outcome).toBe('unchanged');
  });

  test('by SIGKILL of the script and the guard, as by a power cut, is undone by the next command', async () => {
    const good = await dieAfterSwitch();
    expect(await host.currentRelease()).not.toBe(good.row.release);
    const next = await deployStandIn(host, { version: '1.2.0', behaviour: 'exits' });
    expect(next.row).toMatchObject({ outcome: 'rolled-back', release: good.row.release });
    expect(next.lines.join('\n')).toContain('took over the lock of tester@bench (deploy)');
    expect(next.lines.join('\n')).toContain('settling what deploy of tester@bench left undecided');
    const last = await deployStandIn(host, { version: '1.3.0' });
    expect(last.row.outcome).toBe('changed');
    expect(await settled()).toEqual({ lock: [], pending: false });
  });

  test('by SIGKILL of everything, and a boot, starts with the old release', async () => {
    const good = await dieAfterSwitch();
    spawnSync('pkill', ['-KILL', '-f', `${host.root}/(run|current)/`]);
    const supervisor = spawn('/bin/sh', [host.path('run/supervisor.sh'), host.root], { stdio: 'ignore' });
    await expect.poll(async () => host.currentRelease(), { timeout: 10_000 }).toBe(good.row.release);
    await expect.poll(settled, { timeout: 10_000 }).toEqual({ lock: [], pending: false });
    supervisor.kill();
  });
});

/** Deploys two releases, and ends the second deploy with its guard once it has switched. Answers the first. */
async function dieAfterSwitch(): Promise<StandInOutcome> {
  const good = await deployStandIn(host, { version: '1.0.0' });
  const bad = deployStandIn(host, { version: '1.1.0', behaviour: 'never-ready' });
  await expect.poll(async () => host.currentRelease(), { timeout: 5000 }).not.toBe(good.row.release);
  killGuard();
  await killScript();
  await bad;
  return good;
}

/** Ends the script that holds the lock, without a chance to undo anything. */
async function killScript(): Promise<void> {
  const holder = await readFile(host.path('deploy/lock/holder'), 'utf8');
  process.kill(Number(/^pid=(\d+)/m.exec(holder)?.[1]), 'SIGKILL');
}

function killGuard(): void {
  const { status } = spawnSync('pkill', ['-KILL', '-f', host.path('deploy/guard.sh')]);
  expect(status).toBe(0);
}

async function settled(): Promise<{ lock: string[]; pending: boolean }> {
  const pending = (await readdir(host.path('deploy'))).includes('pending');
  return { lock: await readdir(host.path('deploy/lock')), pending };
}

describe('beside another command', () => {
  test('is refused while that one holds the lock, and waits when told to', async () => {
    const good = await deployStandIn(host, { version: '1.0.0' });
    const controller = new AbortController();
    const slow = deployStandIn(host, {
      version: '1.1.0',
      behaviour: 'never-ready',
      signal: controller.signal,
    });
    await expect.poll(async () => readdir(host.path('deploy/lock')), { timeout: 5000 }).toContain('holder');
    const refused = await deployStandIn(host, { version: '1.2.0' });
    expect(refused.row).toMatchObject({ outcome: 'failed', error: { code: 'LOCK_HELD' } });
    expect(refused.row.error?.message).toContain('locked by tester@bench: deploy');
    const observer = new RecordingObserver();
    const waiting = deployStandIn(host, {
      version: '1.2.0',
      settings: { waitLockSeconds: 20 },
      observer,
    });
    await expect
      .poll(() => observer.lines, { timeout: 10_000 })
      .toContain('here notice waiting for the lock of tester@bench (deploy)');
    controller.abort(new DOMException('Interrupted', 'AbortError'));
    expect((await slow).row).toMatchObject({ outcome: 'rolled-back', release: good.row.release });
    // What it looked at before it waited is not what it finds, so it looks again.
    expect((await waiting).row).toMatchObject({ outcome: 'changed', previous: good.row.release });
  });
});

/** Leaves that many megabytes of the disk, or not a byte. */
function fill(megabytesLeft = 0): void {
  const filler = host.path('filler');
  spawnSync('/bin/sh', ['-c', 'cat /dev/zero >>"$1"', 'sh', filler]);
  truncateSync(filler, statSync(filler).size - megabytesLeft * 1024 * 1024);
}

/** Waits until the second deploy has begun a step. */
async function reached(step: string): Promise<void> {
  const began = new RegExp(` ${step} begin[^]* ${step} begin`);
  while (!began.test(await readFile(host.path('deploy/journal'), 'utf8'))) await sleep(1);
}

/** Steps of a deploy of a new release to a host that has its programs and environments. */
const SWITCHING_STEPS = [
  ...readFileSync(join(distributionFolder(), 'packages/cli/remote/apply.sh'), 'utf8').matchAll(
    /^ *step_begin (?!runtime|environment)([a-z]+)/gm,
  ),
].map(([, step]) => step ?? '');

const mountObstacle =
  process.platform === 'linux' && process.getuid?.() === 0
    ? null
    : 'needs root on Linux, to mount a small disk';

describeUnless(mountObstacle, 'a disk that fills up', () => {
  beforeEach(async () => {
    await mkdir(host.root);
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=1400m,mode=700', 'tmpfs', host.root]);
  });

  afterEach(async () => {
    await host.stop();
    execFileSync('/bin/umount', ['-l', host.root]);
  });

  test('while packages are installed leaves the old release as it is', async () => {
    const good = await deployStandIn(host, { version: '1.0.0' });
    const bad = deployStandIn(host, {
      version: '1.1.0',
      settings: { clean: true },
      host: { env: { UV_STAND_IN_SLEEP: '4' } },
    });
    await expect.poll(async () => readdir(host.path('envs')), { timeout: 5000 }).toHaveLength(2);
    fill();
    expect((await bad).row).toMatchObject({
      outcome: 'failed',
      release: good.row.release,
      error: { code: 'DISK_FULL' },
    });
    expect(await readdir(host.path('envs'))).toHaveLength(1);
    await rm(host.path('filler'));
    expect((await deployStandIn(host, { version: '1.0.0' })).row.outcome).toBe('unchanged');
  });

  test('after the switch does not keep the old release from coming back', async () => {
    const good = await deployStandIn(host, { version: '1.0.0' });
    const { agentConfig } = host.target.settings;
    const bad = deployStandIn(host, {
      version: '1.1.0',
      behaviour: 'never-ready',
      host: { agentConfig: { ...agentConfig, queue_depth: 7 } },
    });
    await expect
      .poll(async () => readFile(host.path('logs/agent.log'), 'utf8'), { timeout: 5000 })
      .toContain('1.1.0');
    fill();
    process.kill(Number(await readFile(host.path('run/agent.pid'), 'utf8')), 'SIGKILL');
    expect((await bad).row).toMatchObject({ outcome: 'rolled-back', release: good.row.release });
    await rm(host.path('filler'));
    expect((await deployStandIn(host, { version: '1.0.0' })).row.outcome).toBe('unchanged');
  });

  test.each(SWITCHING_STEPS)(
    'at the step %s: a release serves, and the next deploy converges',
    async (step) => {
      await deployStandIn(host, { version: '1.0.0' });
      fill(40);
      const deploying = deployStandIn(host, { version: '1.1.0' });
      await reached(step);
      fill();
      const { row } = await deploying;
      expect(['changed null', 'rolled-back DISK_FULL', 'failed DISK_FULL']).toContain(
        `${row.outcome} ${row.error?.code ?? 'null'}`,
      );
      expect(row.release).toBe(await host.currentRelease());
      await rm(host.path('filler'));
      expect((await deployStandIn(host, { version: '1.1.0' })).row).toMatchObject({ error: null });
      expect((await deployStandIn(host, { version: '1.1.0' })).row.outcome).toBe('unchanged');
      expect(await settled()).toEqual({ lock: [], pending: false });
    },
  );
});
