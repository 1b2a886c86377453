import { spawnSync } from 'node:child_process';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Hook, type HookEvent, type Hooks, hooksOf } from '../hooks/hook.ts';
import type { DeployResult } from './deploy.ts';
import { deployStandIn } from './testing/deploy-stand-in.ts';
import { RecordingObserver, StandInHost } from './testing/stand-ins.ts';

let host: StandInHost;
let journal: string;

beforeEach(async () => {
  host = await StandInHost.create();
  journal = path.join(host.folder, 'hooks.log');
});
afterEach(async () => {
  await host.dispose();
});

/** What each hook saw, one line a hook. */
async function ran(): Promise<string[]> {
  const text = await readFile(journal, 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

const guardSeconds = (text: string): number => Number(/^GUARD_SECONDS='(\d+)'$/m.exec(text)?.[1]);

const NOTE = 'echo "$MLXFLEET_HOOK $MLXFLEET_RELEASE from ${MLXFLEET_PREVIOUS:-nothing}" >>hooks.log';

/** Every event notes what it saw; `replaced` takes the place of its command. */
function noting(replaced: Partial<Record<HookEvent, string | Partial<Hook>>> = {}): Hooks {
  const hooks = (event: HookEvent): Hook[] => {
    const other = replaced[event];
    const hook = typeof other === 'string' ? { run: other } : other;
    return [{ run: NOTE, on: 'local', ...hook }];
  };
  return hooksOf(
    {
      hooks: {
        'pre-deploy': hooks('pre-deploy'),
        'post-switch': hooks('post-switch'),
        'post-deploy': hooks('post-deploy'),
        'on-failure': hooks('on-failure'),
      },
    },
    host.folder,
  );
}

function hooksShown({ plans }: DeployResult): string[] {
  const shown = plans[0]?.sections.filter(({ name }) => name === 'hooks') ?? [];
  return shown.flatMap(({ entries }) => entries.map(({ text }) => text));
}

describe('hooks of a deploy', () => {
  test('run around each change, with what the deploy knows, and not where nothing changes', async () => {
    const first = await deployStandIn(host, { version: '1.0.0', settings: { hooks: noting() } });
    expect(first.row).toMatchObject({ outcome: 'changed', error: null });
    // Whoever waits for the confirmation waits for the hooks before it.
    const guard = await readFile(host.path('deploy/guard.sh'), 'utf8');
    const second = await deployStandIn(host, { version: '1.1.0', settings: { hooks: noting() } });
    const [one, two] = [String(first.row.release), String(second.row.release)];
    expect(await ran()).toEqual([
      `pre-deploy ${one} from nothing`,
      `post-switch ${one} from nothing`,
      `post-deploy ${one} from nothing`,
      `pre-deploy ${two} from ${one}`,
      `post-switch ${two} from ${one}`,
      `post-deploy ${two} from ${one}`,
    ]);
    await deployStandIn(host, { version: '1.1.0', settings: { hooks: noting() } });
    expect(await ran()).toHaveLength(6);
    await deployStandIn(host, { version: '1.2.0' });
    const without = await readFile(host.path('deploy/guard.sh'), 'utf8');
    expect(guardSeconds(guard)).toBeGreaterThanOrEqual(guardSeconds(without) + 300);
  });

  test('see the machine, the version and the operator, and no secret of the inventory', async () => {
    const hooks = noting({ 'post-deploy': { run: 'env | grep ^MLXFLEET_', on: 'remote' } });
    const { lines } = await deployStandIn(host, {
      version: '1.0.0',
      settings: { hooks },
      host: { env: { HF_TOKEN: 'hf_secret' } },
    });
    const text = lines.join('\n');
    expect(text).toContain('here notice post-deploy: MLXFLEET_VERSION=1.0.0');
    expect(text).toContain('here notice post-deploy: MLXFLEET_OPERATOR=tester@bench');
    expect(text).toMatch(/MLXFLEET_OS=(Linux|Darwin)/);
    expect(text).toMatch(/MLXFLEET_RAM_BYTES=\d{9,}/);
    expect(text).not.toContain('hf_secret');
  });

  test('are shown by a dry run, which runs none', async () => {
    const hooks = noting({ 'post-deploy': { run: 'df -h', on: 'remote' } });
    const { row, result } = await deployStandIn(host, {
      version: '1.0.0',
      settings: { hooks, dryRun: true },
    });
    expect(row.outcome).toBe('changed');
    expect(hooksShown(result)).toEqual([
      `pre-deploy hook on this machine: ${NOTE}`,
      `post-switch hook on this machine: ${NOTE}`,
      'post-deploy hook on the host: df -h',
      `on-failure hook on this machine: ${NOTE}`,
    ]);
    expect(await ran()).toEqual([]);
    await deployStandIn(host, { version: '1.0.0' });
    const again = await deployStandIn(host, { version: '1.0.0', settings: { hooks, dryRun: true } });
    expect(again.result.plans[0]?.sections).toEqual([]);
  });

  test('before a deploy run with --only-stage too, the others do not', async () => {
    const settings = { hooks: noting(), onlyStage: true };
    const dry = await deployStandIn(host, { version: '1.0.0', settings: { ...settings, dryRun: true } });
    expect(hooksShown(dry.result)).toEqual([`pre-deploy hook on this machine: ${NOTE}`]);
    const { row } = await deployStandIn(host, { version: '1.0.0', settings });
    expect(await ran()).toEqual([`pre-deploy ${String(row.release)} from nothing`]);
  });

  test('before a deploy run once, although the host is looked at again', async () => {
    const hooks = noting({
      'pre-deploy': `${NOTE}; mkdir -p "$ROOT/releases/x"; ln -sfn releases/x "$ROOT/current"`,
    });
    process.env['ROOT'] = host.root;
    try {
      const { row, lines } = await deployStandIn(host, { version: '1.0.0', settings: { hooks } });
      expect(row.outcome).toBe('changed');
      expect(lines).toContain('here notice the host changed meanwhile; looking again');
      expect((await ran()).map((line) => line.split(' ')[0])).toEqual([
        'pre-deploy',
        'post-switch',
        'post-deploy',
      ]);
    } finally {
      delete process.env['ROOT'];
    }
  });
});

describe('a hook that fails', () => {
  test('before a deploy leaves the host as it was', async () => {
    const hooks = noting({ 'pre-deploy': 'echo the load balancer says no; exit 7' });
    const bare = await deployStandIn(host, { version: '1.0.0', settings: { hooks } });
    expect(bare.row).toMatchObject({ outcome: 'failed', release: null, error: { code: 'HOOK_FAILED' } });
    expect(bare.row.error?.message).toMatch(
      /\n {2}\| the load balancer says no\nNothing is deployed on the host\.$/,
    );
    await expect(stat(host.root)).rejects.toThrow('ENOENT');

    const good = await deployStandIn(host, { version: '1.0.0' });
    const before = await readdir(host.root, { recursive: true });
    const refused = await deployStandIn(host, { version: '1.1.0', settings: { hooks } });
    expect(refused.row).toMatchObject({ outcome: 'failed', release: good.row.release });
    expect(refused.row.error?.message).toContain(`The old release ${String(good.row.release)} is untouched.`);
    expect(await readdir(host.root, { recursive: true })).toEqual(before);
    expect((await ran()).map((line) => line.split(' ')[0])).toEqual(['on-failure', 'on-failure']);
  });

  test('after the switch takes the host back by itself', async () => {
    const refusing = noting({ 'post-switch': 'readlink "$ROOT/current"; echo it is slow >&2; exit 9' });
    process.env['ROOT'] = host.root;
    try {
      const bare = await deployStandIn(host, { version: '1.0.0', settings: { hooks: refusing } });
      expect(bare.row).toMatchObject({ outcome: 'failed', release: null, error: { code: 'HOOK_FAILED' } });
      expect(await host.currentRelease()).toBeNull();

      const good = await deployStandIn(host, { version: '1.0.0' });
      const { row, lines } = await deployStandIn(host, { version: '1.1.0', settings: { hooks: refusing } });
      expect(row).toMatchObject({ outcome: 'rolled-back', release: good.row.release });
      expect(row.error?.message.split('\n')).toEqual([
        expect.stringMatching(/^the post-switch hook ended with exit code 9: /),
        expect.stringMatching(/^ {2}\| /),
        expect.stringMatching(/^ {2}\| /),
        `The old release ${String(good.row.release)} is serving again.`,
      ]);
      expect(await host.currentRelease()).toBe(good.row.release);
      // It ran while the new release was current, after its gate.
      const seen = lines.find((line) => line.includes('notice post-switch: releases/')) ?? '';
      expect(seen).not.toContain(String(good.row.release));
      const { row: again } = await deployStandIn(host, { version: '1.0.0' });
      expect(again.outcome).toBe('unchanged');
    } finally {
      delete process.env['ROOT'];
    }
  });

  test('after a deploy leaves the host deployed, and the row has the error', async () => {
    const { row } = await deployStandIn(host, {
      version: '1.0.0',
      settings: { hooks: noting({ 'post-deploy': 'exit 1' }) },
    });
    expect(row).toMatchObject({ outcome: 'changed', error: { code: 'HOOK_FAILED' } });
    expect(row.error?.message).toContain(`Release ${String(row.release)} serves and stays.`);
    expect(await host.currentRelease()).toBe(row.release);
    expect((await ran()).map((line) => line.split(' ')[0])).toEqual(['pre-deploy', 'post-switch']);
  });

  test('after a failure is a notice and changes nothing', async () => {
    const good = await deployStandIn(host, { version: '1.0.0' });
    const { row, lines } = await deployStandIn(host, {
      version: '1.1.0',
      behaviour: 'exits',
      settings: {
        hooks: noting({
          'on-failure': `echo "$MLXFLEET_OUTCOME $MLXFLEET_ERROR_CODE: $MLXFLEET_ERROR" >>hooks.log; exit 5`,
        }),
      },
    });
    expect(row).toMatchObject({
      outcome: 'rolled-back',
      release: good.row.release,
      error: { code: 'GATE_FAILED' },
    });
    expect((await ran())[1]).toMatch(/^rolled-back GATE_FAILED: release \S+ did not pass the health gate/);
    expect(lines.join('\n')).toContain('here notice the on-failure hook ended with exit code 5');
  });
});

test('a hook that wants the lock of its own deploy is refused at once', async () => {
  await writeFile(
    path.join(host.folder, 'inventory.yaml'),
    `version: 1\nhosts:\n  here: { connection: local, root: ${JSON.stringify(host.root)} }\n`,
  );
  const main = path.join(import.meta.dirname, '../main.ts');
  const wait = `'${process.execPath}' '${main}' restart --wait-lock 10m --json >answer.json; echo "exit $?"`;
  const { row, lines } = await deployStandIn(host, {
    version: '1.0.0',
    settings: { hooks: noting({ 'post-switch': wait }) },
  });
  expect(row).toMatchObject({ outcome: 'changed', error: null });
  expect(lines).toContain('here notice post-switch: exit 3');
  const answer: unknown = JSON.parse(await readFile(path.join(host.folder, 'answer.json'), 'utf8'));
  expect(answer).toMatchObject({ hosts: [{ outcome: 'failed', error: { code: 'LOCK_HELD' } }] });
});

describe('Ctrl-C', () => {
  const interruption = new DOMException('Interrupted', 'AbortError');

  test('in a hook after the switch ends it, and the host goes back', async () => {
    const good = await deployStandIn(host, { version: '1.0.0' });
    const controller = new AbortController();
    const observer = new RecordingObserver();
    const running = deployStandIn(host, {
      version: '1.1.0',
      settings: { hooks: noting({ 'post-switch': 'echo up; sleep 4720; echo late' }) },
      signal: controller.signal,
      observer,
    });
    await expect.poll(() => observer.lines, { timeout: 10_000 }).toContain('here notice post-switch: up');
    controller.abort(interruption);
    const { row } = await running;
    expect(row).toMatchObject({
      outcome: 'rolled-back',
      release: good.row.release,
      error: { code: 'INTERRUPTED' },
    });
    expect(await host.currentRelease()).toBe(good.row.release);
    const { stdout } = spawnSync('ps', ['-axww', '-o', 'args='], { encoding: 'utf8' });
    expect(stdout).not.toContain('sleep 4720');
    expect(observer.lines).not.toContain('here notice post-switch: late');
  });

  test('in a hook before the deploy ends it and changes nothing', async () => {
    const controller = new AbortController();
    const observer = new RecordingObserver();
    const running = deployStandIn(host, {
      version: '1.0.0',
      settings: { hooks: noting({ 'pre-deploy': 'echo up; sleep 60' }) },
      signal: controller.signal,
      observer,
    });
    await expect.poll(() => observer.lines, { timeout: 10_000 }).toContain('here notice pre-deploy: up');
    controller.abort(interruption);
    const { row } = await running;
    expect(row).toMatchObject({ outcome: 'failed', error: { code: 'INTERRUPTED' } });
    await expect(stat(host.root)).rejects.toThrow('ENOENT');
    // The hook for failures still runs, with its own short limit.
    expect((await ran()).map((line) => line.split(' ')[0])).toEqual(['on-failure']);
  });

  test('gives a hook for failures ten seconds', async () => {
    const controller = new AbortController();
    const observer = new RecordingObserver();
    const running = deployStandIn(host, {
      version: '1.0.0',
      settings: { hooks: noting({ 'pre-deploy': 'echo up; sleep 60', 'on-failure': 'sleep 60' }) },
      signal: controller.signal,
      observer,
    });
    await expect.poll(() => observer.lines, { timeout: 10_000 }).toContain('here notice pre-deploy: up');
    controller.abort(interruption);
    const began = performance.now();
    expect((await running).row.error?.code).toBe('INTERRUPTED');
    expect(performance.now() - began).toBeLessThan(25_000);
    expect(observer.lines.join('\n')).toContain('the on-failure hook did not end within 10 s and was ended');
  }, 40_000);
});
