import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeHost } from '../hosts/testing/fake-host.ts';
import { type PruneOutcome, pruneHost, type PruneSettings } from './prune-host.ts';
import { deployStandIn } from './testing/deploy-stand-in.ts';
import { StandInHost, standInSettings } from './testing/stand-ins.ts';

const { signal } = new AbortController();

async function prune(host: StandInHost, settings: Partial<PruneSettings> = {}): Promise<PruneOutcome> {
  const { operator, waitLockSeconds } = standInSettings;
  const told: string[] = [];
  const row = await pruneHost(
    host.target,
    { operator, waitLockSeconds, staged: false, dryRun: false, ...settings },
    { removed: (_, removed) => told.push(removed), notice: () => undefined },
    signal,
  );
  expect(told).toEqual(row.removed);
  return row;
}

function sorted(names: readonly string[]): string[] {
  return names.toSorted((left, right) => (left < right ? -1 : 1));
}

async function everythingIn(root: string): Promise<string[]> {
  return sorted(await readdir(root, { recursive: true }));
}

describe('prune', () => {
  let host: StandInHost;
  beforeEach(async () => {
    host = await StandInHost.create();
  });
  afterEach(async () => {
    await host.dispose();
  });

  test('of a host without mlxfleet does nothing', async () => {
    expect(await prune(host)).toEqual({
      name: 'here',
      outcome: 'unchanged',
      removed: [],
      freedBytes: 0,
      error: null,
    });
    expect(existsSync(host.root)).toBe(false);
  });

  test('keeps what serves and what it can go back to, and says what it removed', async () => {
    const ids: string[] = [];
    for (const version of ['1.0.0', '1.1.0', '1.2.0']) {
      const { row } = await deployStandIn(host, { version, host: { keepReleases: 5 } });
      ids.push(row.release ?? '');
    }
    const [oldest = '', previous = '', current = ''] = ids;
    await mkdir(host.path('envs/text-orphan/lib'), { recursive: true });
    await writeFile(host.path('envs/text-orphan/.complete'), 'kind=text\n');
    await writeFile(host.path('envs/text-orphan/lib/big'), 'x'.repeat(100_000));
    await mkdir(host.path('releases/a b'));
    const before = await everythingIn(host.root);
    const expected = [
      `releases/${oldest}`,
      `deploy/configs/${oldest}`,
      `deploy/records/${oldest}`,
      'releases/a b',
      'envs/text-orphan',
    ];

    const planned = await prune(host, { keep: 1, dryRun: true });
    expect(planned).toMatchObject({ outcome: 'changed', error: null });
    expect(sorted(planned.removed)).toEqual(sorted(expected));
    expect(await everythingIn(host.root)).toEqual(before);

    const pruned = await prune(host, { keep: 1 });
    expect(pruned).toMatchObject({ outcome: 'changed', error: null, removed: planned.removed });
    expect(pruned.freedBytes).toBeGreaterThanOrEqual(100_000);
    expect(sorted(await readdir(host.path('releases')))).toEqual(sorted([previous, current]));
    expect(await readdir(host.path('deploy/lock'))).toEqual([]);
    expect(await prune(host, { keep: 1 })).toMatchObject({ outcome: 'unchanged', removed: [] });
    // Nothing that a deploy looks for is missing.
    const again = await deployStandIn(host, { version: '1.2.0' });
    expect(again.row).toMatchObject({ outcome: 'unchanged', release: current });
  }, 30_000);

  test('keeps a staged release unless it is told not to', async () => {
    await deployStandIn(host, { version: '1.0.0' });
    const { row } = await deployStandIn(host, { version: '1.1.0', settings: { onlyStage: true } });
    expect(await prune(host)).toMatchObject({ outcome: 'unchanged' });
    const pruned = await prune(host, { staged: true });
    expect(pruned.removed).toEqual([
      `releases/${String(row.release)}`,
      `deploy/records/${String(row.release)}`,
    ]);
  });

  test('removes parts of uploads after a day', async () => {
    await deployStandIn(host, { version: '1.0.0' });
    await writeFile(host.path('deploy/incoming/young.part'), 'x');
    await writeFile(host.path('deploy/incoming/old.part'), 'x');
    const longAgo = new Date(Date.now() - 2 * 86_400_000);
    await utimes(host.path('deploy/incoming/old.part'), longAgo, longAgo);
    expect((await prune(host)).removed).toEqual(['deploy/incoming/old.part']);
  });

  test('waits for nobody unless told to: a held lock is an error that changes nothing', async () => {
    await deployStandIn(host, { version: '1.0.0' });
    const controller = new AbortController();
    const slow = deployStandIn(host, {
      version: '1.1.0',
      behaviour: 'never-ready',
      signal: controller.signal,
    });
    await expect.poll(async () => readdir(host.path('deploy/lock')), { timeout: 5000 }).toContain('holder');
    expect(await prune(host)).toMatchObject({ outcome: 'failed', removed: [], error: { code: 'LOCK_HELD' } });
    controller.abort(new DOMException('Interrupted', 'AbortError'));
    await slow;
  });

  test('never removes the current release, whatever became of its record', async () => {
    const { row } = await deployStandIn(host, { version: '1.0.0' });
    await rm(host.path('deploy/records', row.release ?? ''));
    expect(await prune(host)).toMatchObject({ outcome: 'unchanged', removed: [] });
  });
});

test('an answer that ends early is an error, and tells what was removed', async () => {
  const fake = new FakeHost('air', () => ({
    messages: [{ event: 'pruned', path: 'envs/x', bytes: 4096 }],
    exitCode: 7,
  }));
  const row = await pruneHost(
    { host: fake, settings: { ...new StandInHost('/nowhere').target.settings, name: 'air' } },
    { ...standInSettings, staged: false, dryRun: false },
    { removed: () => undefined, notice: () => undefined },
    signal,
  );
  expect(row).toMatchObject({
    outcome: 'failed',
    removed: ['envs/x'],
    freedBytes: 4096,
    error: { code: 'SCRIPT_BROKEN' },
  });
});
