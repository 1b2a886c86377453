import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '@mlxfleet/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DeploySettings } from '../deploy-types/deploy-settings.ts';
import type { HostOutcome } from '../deploy-types/deploy-observer.ts';
import type { Target } from '../deploy-types/target.ts';
import { ERRORS } from '../errors.ts';
import { hooksOf } from '../hooks/hook.ts';
import { FakeHost } from '../hosts/testing/fake-host.ts';
import { sshHostNamed } from '../ssh/testing/ssh-host-named.ts';
import { deploy } from './deploy.ts';
import {
  type Behaviour,
  RecordingObserver,
  StandInHost,
  standInPayload,
  standInSettings,
} from './testing/stand-ins.ts';

let first: StandInHost;
let hosts: Record<'air' | 'mini' | 'studio', StandInHost>;

beforeEach(async () => {
  first = await StandInHost.create();
  const named = (name: string): StandInHost => first.with({ name, root: path.join(first.folder, name) });
  hosts = { air: named('air'), mini: named('mini'), studio: named('studio') };
});
afterEach(async () => {
  for (const host of Object.values(hosts)) await host.stop();
  await first.dispose();
});

interface RollOut {
  readonly rows: readonly HostOutcome[];
  readonly observer: RecordingObserver;
}

/** Deploys to the hosts one after the other, in this order. */
async function rollOutTo(
  targets: readonly Target[],
  version: string,
  settings: Partial<DeploySettings> = {},
  { signal, behaviour }: { signal?: AbortSignal; behaviour?: Behaviour } = {},
): Promise<RollOut> {
  const observer = new RecordingObserver();
  const payload = await standInPayload(first.folder, version, behaviour);
  const { document } = await deploy(
    targets,
    { ...standInSettings, maxParallel: 1, onFailure: 'revert', ...settings },
    observer,
    signal ?? new AbortController().signal,
    { payload: async () => payload, runtimes: first.runtimes },
  );
  return { rows: document.hosts, observer };
}

const targetsOf = (...names: (keyof typeof hosts)[]): Target[] => names.map((name) => hosts[name].target);

/** A hook that lets the deploy of one host fail. */
function refusing(name: string): Pick<DeploySettings, 'hooks'> {
  return {
    hooks: hooksOf({ hooks: { 'pre-deploy': [{ run: `[ "$MLXFLEET_HOST" != ${name} ]` }] } }, first.folder),
  };
}

describe('a roll-out that fails on a host', () => {
  test('goes on with the others when it was told to, unless a canary fails', async () => {
    const settings = { onFailure: 'continue' as const, ...refusing('air') };
    const { rows } = await rollOutTo(targetsOf('air', 'mini', 'studio'), '1.0.0', settings);
    expect(rows.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['air', 'failed'],
      ['mini', 'changed'],
      ['studio', 'changed'],
    ]);
    const canary = await rollOutTo(targetsOf('air', 'mini', 'studio'), '1.1.0', {
      ...settings,
      canary: ['air'],
    });
    expect(canary.rows.map(({ outcome }) => outcome)).toEqual(['failed', 'skipped', 'skipped']);
  }, 60_000);

  test('takes the hosts that it changed back to the release they had', async () => {
    const before = await rollOutTo(targetsOf('air', 'mini'), '1.0.0');
    const [old] = before.rows;
    const { rows, observer } = await rollOutTo(targetsOf('air', 'mini', 'studio'), '1.1.0', refusing('mini'));
    expect(rows.map(({ name, outcome, release }) => [name, outcome, release])).toEqual([
      ['air', 'rolled-back', old?.release],
      ['mini', 'failed', old?.release],
      ['studio', 'skipped', null],
    ]);
    expect(rows[0]?.error).toMatchObject({
      code: 'ROLLED_BACK_WITH_OTHERS',
      message: `mini failed, so this host went back to ${String(old?.release)}`,
    });
    expect(await hosts.air.currentRelease()).toBe(old?.release);
    expect(observer.lines).toContain(`air notice mini failed; going back to ${String(old?.release)}`);
    expect(observer.lines.filter((line) => line.startsWith('air outcome'))).toEqual([
      'air outcome changed',
      expect.stringMatching(/^air outcome rolled-back: mini failed/),
    ]);
    // It serves, and the next deploy changes it again.
    const after = await rollOutTo(targetsOf('air'), '1.1.0');
    expect(after.rows).toMatchObject([{ outcome: 'changed', previous: old?.release }]);
  }, 60_000);

  test('leaves a host as it is that had no release, or of which only the configuration was changed', async () => {
    const [old] = (await rollOutTo(targetsOf('mini'), '1.1.0')).rows;
    const { agentConfig } = hosts.mini.target.settings;
    const changed = hosts.mini.with({ agentConfig: { ...agentConfig, queue_depth: 7 } }).target;
    const { rows, observer } = await rollOutTo(
      [...targetsOf('air'), changed, ...targetsOf('studio')],
      '1.1.0',
      refusing('studio'),
    );
    expect(rows).toMatchObject([
      { name: 'air', outcome: 'changed', previous: null, error: null },
      { name: 'mini', outcome: 'changed', release: old?.release, error: null },
      { name: 'studio', outcome: 'failed' },
    ]);
    const told = observer.lines.filter((line) => line.includes('this host stays with'));
    expect(told).toEqual([
      expect.stringMatching(/^air notice studio failed; .*: there is no release before it$/),
      expect.stringMatching(/^mini notice studio failed; .*: its configuration is all that was changed$/),
    ]);
  }, 60_000);

  test('does the same for a canary that is not reached, and for one that went back', async () => {
    const before = await rollOutTo(targetsOf('air', 'mini'), '1.0.0');
    const old = before.rows[0]?.release;
    const away: Target = {
      settings: sshHostNamed('away'),
      host: new FakeHost('away', () => ({
        error: new CodedError(ERRORS.HOST_UNREACHABLE, 'away: no route'),
      })),
    };
    const unreached = await rollOutTo([...targetsOf('air'), away, ...targetsOf('mini')], '1.1.0', {
      canary: ['air', 'away'],
    });
    expect(unreached.rows).toMatchObject([
      { name: 'air', outcome: 'rolled-back', release: old },
      { name: 'away', outcome: 'unreachable' },
      { name: 'mini', outcome: 'skipped' },
    ]);
    // One that is no canary stops nothing and takes nothing back.
    const passed = await rollOutTo([...targetsOf('air'), away], '1.1.0');
    expect(passed.rows).toMatchObject([{ outcome: 'changed' }, { outcome: 'unreachable' }]);
    const bad = await rollOutTo(targetsOf('mini'), '1.2.0', {}, { behaviour: 'exits' });
    expect(bad.rows).toMatchObject([
      { outcome: 'rolled-back', release: old, error: { code: 'GATE_FAILED' } },
    ]);
  }, 60_000);

  test('with `stop` leaves the others, and so does Ctrl-C', async () => {
    await rollOutTo(targetsOf('air', 'mini'), '1.0.0');
    const stopped = await rollOutTo(targetsOf('air', 'mini'), '1.1.0', {
      ...refusing('mini'),
      onFailure: 'stop',
    });
    expect(stopped.rows).toMatchObject([{ outcome: 'changed', error: null }, { outcome: 'failed' }]);

    const controller = new AbortController();
    const flag = path.join(first.folder, 'begun');
    const hooks = hooksOf(
      { hooks: { 'pre-deploy': [{ run: `[ "$MLXFLEET_HOST" = air ] || { mkdir '${flag}'; sleep 60; }` }] } },
      first.folder,
    );
    const interrupted = rollOutTo(
      targetsOf('air', 'mini'),
      '1.2.0',
      { hooks },
      { signal: controller.signal },
    );
    await expect
      .poll(
        async () =>
          mkdir(path.join(flag, 'seen')).then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);
    controller.abort(new DOMException('Interrupted', 'AbortError'));
    const { rows } = await interrupted;
    expect(rows).toMatchObject([
      { name: 'air', outcome: 'changed', error: null },
      { name: 'mini', outcome: 'failed', error: { code: 'INTERRUPTED' } },
    ]);
    expect(await hosts.air.currentRelease()).toBe(rows[0]?.release);
  }, 60_000);

  test('runs the hooks for failures of a host that it takes back', async () => {
    await rollOutTo(targetsOf('air', 'mini'), '1.0.0');
    const hooks = hooksOf(
      {
        hooks: {
          'pre-deploy': [{ run: '[ "$MLXFLEET_HOST" != mini ]' }],
          'on-failure': [{ run: 'echo "$MLXFLEET_HOST $MLXFLEET_OUTCOME $MLXFLEET_ERROR_CODE"' }],
        },
      },
      first.folder,
    );
    const { observer } = await rollOutTo(targetsOf('air', 'mini'), '1.1.0', { hooks });
    expect(observer.lines.filter((line) => line.includes('notice on-failure: '))).toEqual([
      'mini notice on-failure: mini failed HOOK_FAILED',
      'air notice on-failure: air rolled-back ROLLED_BACK_WITH_OTHERS',
    ]);
  }, 60_000);

  test('says so when a host cannot go back', async () => {
    await rollOutTo(targetsOf('air', 'mini'), '1.0.0');
    const damage = hooksOf(
      {
        hooks: {
          'pre-deploy': [
            {
              run: `[ "$MLXFLEET_HOST" != mini ] || { rm -f '${first.folder}'/air/releases/"$MLXFLEET_PREVIOUS"/agent/agent.mjs; exit 1; }`,
            },
          ],
        },
      },
      first.folder,
    );
    const { rows } = await rollOutTo(targetsOf('air', 'mini'), '1.1.0', { hooks: damage });
    expect(rows[0]).toMatchObject({ name: 'air', outcome: 'failed', error: { code: 'RELEASE_BROKEN' } });
    expect(rows[0]?.error?.message).toMatch(/^mini failed, and this host could not go back to \S+: release/);
    expect(rows[0]?.release).toBe(await hosts.air.currentRelease());
  }, 60_000);
});
