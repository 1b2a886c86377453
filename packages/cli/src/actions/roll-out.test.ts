import { CodedError } from '@mlxfleet/protocol';
import { describe, expect, test } from 'vitest';
import { sshHostNamed } from '../ssh/testing/ssh-host-named.ts';
import { ERRORS } from '../errors.ts';
import { FakeHost, type FakeAnswer, type FakeScript } from '../hosts/testing/fake-host.ts';
import { deploy } from './deploy.ts';
import type { HostOutcome } from '../deploy-types/deploy-observer.ts';
import { rollOut } from './roll-out.ts';
import { RecordingObserver, StandInHost, standInPayload, standInSettings } from './testing/stand-ins.ts';

describe('rollOut', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];

  test('runs canaries one by one, then the rest side by side', async () => {
    const events: string[] = [];
    let running = 0;
    let most = 0;
    await rollOut(names, {
      isCanary: (name) => name === 'c' || name === 'e',
      maxParallel: 2,
      run: async (name) => {
        running += 1;
        most = Math.max(most, running);
        events.push(`${name}${String(running)}`);
        await new Promise((resolve) => {
          setTimeout(resolve, 5);
        });
        running -= 1;
        return 'go-on';
      },
      skip: () => undefined,
    });
    expect(events.slice(0, 2)).toEqual(['c1', 'e1']);
    expect(most).toBe(2);
    expect(events).toHaveLength(5);
  });

  test('starts nothing more after a failure', async () => {
    const ran: string[] = [];
    const skipped: string[] = [];
    await rollOut(names, {
      isCanary: (name) => name === 'c',
      maxParallel: 1,
      run: async (name) => {
        ran.push(name);
        return name === 'a' ? 'stop' : 'go-on';
      },
      skip: (name) => skipped.push(name),
    });
    expect({ ran, skipped }).toEqual({ ran: ['c', 'a'], skipped: ['b', 'd', 'e'] });
  });
});

const SYSTEM = {
  fact: 'system',
  os: 'Darwin',
  arch: 'arm64',
  cpu: 'Apple M4',
  model: 'Mac16,12',
  ramBytes: 34_359_738_368,
  osVersion: 'macOS 15.6',
  root: '/Users/admin/.mlxfleet',
  rootExists: false,
  freeBytes: 212 * 1024 ** 3,
};

const UNREACHABLE = new CodedError(ERRORS.HOST_UNREACHABLE, 'air: no route to air.local');

/** Deploys to hosts in memory, each with its own answers. */
async function deployTo(
  answers: Readonly<Record<string, (script: FakeScript) => FakeAnswer>>,
  canary: readonly string[] = [],
): Promise<{ rows: readonly HostOutcome[]; hosts: readonly FakeHost[]; lines: readonly string[] }> {
  const standIn = await StandInHost.create();
  try {
    const payload = await standInPayload(standIn.folder, '1.0.0');
    const hosts = Object.entries(answers).map(([name, answer]) => new FakeHost(name, answer));
    const observer = new RecordingObserver();
    const { document } = await deploy(
      hosts.map((host) => ({ host, settings: sshHostNamed(host.name) })),
      { ...standInSettings, canary, maxParallel: 1 },
      observer,
      new AbortController().signal,
      { payload: async () => payload, runtimes: standIn.runtimes },
    );
    return { rows: document.hosts, hosts, lines: observer.lines };
  } finally {
    await standIn.dispose();
  }
}

const healthy = (script: FakeScript): FakeAnswer => ({ messages: script === 'facts' ? [SYSTEM] : [] });
const refusing =
  (failure: object, more: readonly object[] = []) =>
  (script: FakeScript): FakeAnswer =>
    script === 'facts' ? { messages: [SYSTEM] } : { messages: [failure, ...more], exitCode: 1 };

describe('a deploy of several hosts', () => {
  test('sends what a host lacks, then changes it in one session', async () => {
    const { rows, hosts, lines } = await deployTo({ air: healthy });
    expect(rows).toMatchObject([{ name: 'air', outcome: 'changed', error: null }]);
    expect(hosts[0]?.ran).toEqual(['facts', 'apply']);
    expect(hosts[0]?.uploads.map((path) => path.replace(/[0-9a-f]{64}/, '<hash>'))).toEqual(
      Array.from({ length: 3 }, () => '/Users/admin/.mlxfleet/deploy/incoming/<hash>'),
    );
    expect(lines).toContain('air facts done Apple M4, 32 GB, macOS 15.6, 212 GB free');
  });

  test('does not go on past a canary that is not there: nothing tried the release', async () => {
    const { rows, hosts } = await deployTo(
      { mini: healthy, air: () => ({ error: UNREACHABLE }), studio: healthy },
      ['air'],
    );
    expect(rows.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['mini', 'skipped'],
      ['air', 'unreachable'],
      ['studio', 'skipped'],
    ]);
    expect(rows[1]?.error?.code).toBe('HOST_UNREACHABLE');
    expect(rows[1]?.error?.message).toMatch(/^no route to air\.local\nThe canary could not be reached/);
    expect(rows[1]?.error?.message).toContain('mlxfleet deploy mini studio');
    expect(hosts.map(({ ran }) => ran.length)).toEqual([0, 1, 0]);
  });

  test('takes no notice of a canary that was not selected', async () => {
    const { rows } = await deployTo({ mini: healthy }, ['air']);
    expect(rows).toMatchObject([{ name: 'mini', outcome: 'changed' }]);
  });

  test('goes on past a host that is not there', async () => {
    const { rows } = await deployTo({ air: () => ({ error: UNREACHABLE }), mini: healthy });
    expect(rows).toMatchObject([
      { name: 'air', outcome: 'unreachable', error: { message: 'no route to air.local' } },
      { name: 'mini', outcome: 'changed' },
    ]);
  });

  test('stops at a host that fails, and tells what state it is in', async () => {
    const failure = {
      event: 'failed',
      code: 'ENVIRONMENT_FAILED',
      step: 'environment',
      message: 'no wheel',
      output: 'error: x',
    };
    const { rows, hosts } = await deployTo({ mini: healthy, air: refusing(failure), m1: healthy }, ['air']);
    expect(rows.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['mini', 'skipped'],
      ['air', 'failed'],
      ['m1', 'skipped'],
    ]);
    expect(rows[1]?.error).toMatchObject({
      code: 'ENVIRONMENT_FAILED',
      message: 'no wheel\n  | error: x\nNothing is deployed on the host.',
    });
    expect(hosts.map(({ ran }) => ran.length)).toEqual([0, 2, 0]);
  });

  test('tells when a host could not be brought back either', async () => {
    const undone = {
      event: 'undone',
      release: 'old',
      healthy: false,
      reason: 'old is current again but does not answer',
    };
    const failure = { event: 'failed', code: 'GATE_FAILED', step: 'gate', message: 'shut', output: '' };
    const { rows } = await deployTo({ air: refusing(failure, [undone]) });
    expect(rows[0]).toMatchObject({ outcome: 'failed', release: 'old' });
    expect(rows[0]?.error?.message).toContain('The host is not serving: old is current again');
  });

  test('does not say of a host that is ready that it is not serving', async () => {
    const undone = {
      event: 'undone',
      release: 'old',
      healthy: false,
      ready: true,
      reason: 'old is current again and ready, but a model does not answer',
    };
    const failure = { event: 'failed', code: 'GATE_FAILED', step: 'gate', message: 'shut', output: '' };
    const { rows } = await deployTo({ air: refusing(failure, [undone]) });
    expect(rows[0]).toMatchObject({ outcome: 'failed', release: 'old' });
    expect(rows[0]?.error?.message).toMatch(/The host takes requests: old is current again and ready, but/);
    expect(rows[0]?.error?.message).not.toContain('not serving');
  });

  test('is refused where the disk is too small, before anything is sent', async () => {
    const small = { ...SYSTEM, freeBytes: 100 * 1024 * 1024 };
    const { rows, hosts } = await deployTo({ mini: () => ({ messages: [small] }) });
    expect(rows[0]?.error?.code).toBe('DISK_FULL');
    expect(rows[0]?.error?.message).toMatch(/^100 MB free, 9\d\d MB needed for the text env\./);
    expect(hosts[0]).toMatchObject({ ran: ['facts'], uploads: [] });
  });

  test('is refused where there is no release for the machine', async () => {
    const { rows } = await deployTo({
      pi: () => ({ messages: [{ ...SYSTEM, os: 'Linux', arch: 'aarch64' }] }),
    });
    expect(rows[0]).toMatchObject({ outcome: 'failed', error: { code: 'PLATFORM_UNSUPPORTED' } });
  });
});
