import { readFile, realpath, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HostOutcome } from '../deploy-types/deploy-observer.ts';
import { releases } from './releases.ts';
import { rollback } from './rollback.ts';
import { deployStandIn } from './testing/deploy-stand-in.ts';
import { RecordingObserver, StandInHost, standInSettings } from './testing/stand-ins.ts';

let host: StandInHost;
const { signal } = new AbortController();

beforeAll(async () => {
  host = await StandInHost.create();
});

afterAll(async () => {
  await host.dispose();
});

async function rollBack(to?: string): Promise<HostOutcome> {
  const settings = { ...standInSettings, ...(to === undefined ? {} : { to }) };
  const { hosts } = await rollback([host.target], settings, new RecordingObserver(), signal);
  const [row] = hosts;
  if (row === undefined) throw new Error('no row');
  return row;
}

async function deployed(version: string): Promise<string> {
  const { row } = await deployStandIn(host, { version });
  expect(row.outcome).toBe('changed');
  return row.release ?? '';
}

/** One host; each test goes on where the one before ended. */
describe('rollback', () => {
  let first: string;
  let second: string;

  test('where nothing was deployed is an error that changes nothing', async () => {
    expect(await rollBack()).toMatchObject({ outcome: 'failed', error: { code: 'NOTHING_DEPLOYED' } });
    await expect(stat(host.root)).rejects.toThrow('ENOENT');
  });

  test('without an earlier release is an error, and the current one goes on', async () => {
    first = await deployed('1.0.0');
    const pid = await readFile(host.path('run/agent.pid'), 'utf8');
    expect(await rollBack()).toMatchObject({
      outcome: 'failed',
      release: first,
      error: { code: 'NO_PREVIOUS_RELEASE' },
    });
    expect(await readFile(host.path('run/agent.pid'), 'utf8')).toBe(pid);
  });

  test('to the current one that serves changes nothing', async () => {
    second = await deployed('1.1.0');
    expect(await rollBack(second)).toMatchObject({ outcome: 'unchanged', release: second });
  });

  test('to a release that is not there, or was never good, is an error', async () => {
    expect((await rollBack('20260101T000000Z-00000000')).error?.code).toBe('RELEASE_UNKNOWN');
    await writeFile(host.path('deploy/records/20260101T000000Z-00000001'), 'state=failed\n');
    expect((await rollBack('20260101T000000Z-00000001')).error?.code).toBe('RELEASE_NOT_GOOD');
    expect(await host.currentRelease()).toBe(second);
  });

  test('to a release that is damaged is refused, and the current one goes on', async () => {
    const file = host.path('releases', first, 'agent/agent.mjs');
    const text = await readFile(file);
    await truncate(file);
    expect(await rollBack()).toMatchObject({
      outcome: 'failed',
      release: second,
      error: { code: 'RELEASE_BROKEN' },
    });
    expect(await host.currentRelease()).toBe(second);
    await writeFile(file, text);
  });

  test('brings the release before back, and a deploy the newer one without sending anything', async () => {
    // What an interrupted switch may have left.
    await symlink('releases/rubbish', host.path('current.new'));
    expect(await rollBack()).toMatchObject({ outcome: 'changed', release: first, previous: second });
    expect(await host.currentRelease()).toBe(first);
    const { hosts } = await releases([host.target], signal);
    const rows = hosts[0]?.releases.filter(({ state }) => state === 'good');
    expect(rows?.map((row) => [row.id, row.current])).toEqual([
      [second, false],
      [first, true],
    ]);
    const again = await deployStandIn(host, { version: '1.1.0' });
    expect(again.row).toMatchObject({ outcome: 'changed', release: second });
    expect(again.lines.join('\n')).not.toContain('sent');
  });

  test('works when the current release lacks its files, its node included', async () => {
    await rm(host.path('releases', second, 'agent'), { recursive: true });
    await rm(host.path('releases', second, 'runtime'), { recursive: true });
    expect(await rollBack()).toMatchObject({ outcome: 'changed', release: first });
  });

  test('works when the current link leads nowhere, and when there is none', async () => {
    await rm(host.path('releases', second), { recursive: true });
    await rm(host.path('current'));
    await symlink(`releases/${second}`, host.path('current'));
    expect(await rollBack()).toMatchObject({ outcome: 'changed', release: first, previous: second });
    await rm(host.path('current'));
    expect(await rollBack()).toMatchObject({ outcome: 'changed', release: first, previous: null });
  });

  test('works when an environment of the current release is half written', async () => {
    const { row } = await deployStandIn(host, { version: '1.2.0', settings: { clean: true } });
    expect(row.outcome).toBe('changed');
    const environment = await realpath(host.path('current/envs/text'));
    await rm(path.join(environment, 'bin'), { recursive: true });
    expect(await rollBack()).toMatchObject({ outcome: 'changed', previous: row.release });
    // The deploy after it builds another one.
    expect((await deployStandIn(host, { version: '1.1.0' })).row.outcome).toBe('changed');
  });
});
