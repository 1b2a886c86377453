import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RecordingObserver, StandInHost } from '../actions/testing/stand-ins.ts';
import { type Hook, hooksOf } from './hook.ts';
import type { HookFacts } from './hook-variables.ts';
import { type HookContext, runHooks } from './run-hooks.ts';

const FACTS: HookFacts = {
  host: 'here',
  address: null,
  release: '20261123T040000Z-3f9ac2e1',
  previous: null,
  version: '1.1.0',
  operator: 'tester@bench',
  os: 'Darwin',
  arch: 'arm64',
  ramBytes: 34_359_738_368,
  changeId: null,
};

let folder: string;
let host: StandInHost;
let observer: RecordingObserver;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(path.join(tmpdir(), "mlxfleet hook's-")));
  host = new StandInHost(folder);
  observer = new RecordingObserver();
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function runPreDeploy(
  hooks: readonly (Partial<Hook> & Pick<Hook, 'run'>)[],
  more: Partial<HookContext> = {},
): Promise<void> {
  await runHooks('pre-deploy', {
    hooks: hooksOf({ hooks: { 'pre-deploy': hooks.map((hook) => ({ ...hook })) } }, folder),
    target: host.target,
    facts: FACTS,
    observer,
    signal: new AbortController().signal,
    ...more,
  });
}

function running(text: string): string[] {
  const { stdout } = spawnSync('ps', ['-axww', '-o', 'stat=', '-o', 'args='], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.includes(text) && !line.startsWith('Z'));
}

test('a hook runs in /bin/sh with nothing on its stdin, and what it says is shown', async () => {
  await runPreDeploy([{ run: 'cat; for word in one "two  three"; do echo "$word"; done; echo oops >&2' }]);
  expect(observer.lines.slice(0, 2)).toEqual([
    'here notice pre-deploy hook: cat; for word in one "two  three"; do echo "$word"; done; echo oops >&2',
    'here notice pre-deploy: one',
  ]);
  expect(observer.lines.toSorted()).toEqual(
    expect.arrayContaining(['here notice pre-deploy: two  three', 'here notice pre-deploy: oops']),
  );
});

test('local ones run in the folder of the inventory, remote ones in the home of the host', async () => {
  await runPreDeploy([{ run: 'pwd' }, { run: 'pwd', on: 'remote' }]);
  expect(observer.lines).toContain(`here notice pre-deploy: ${folder}`);
  expect(observer.lines).toContain(`here notice pre-deploy: ${process.env['HOME'] ?? homedir()}`);
});

test.each(['local', 'remote'] as const)('the facts stand in the environment: %s', async (on) => {
  const failure = { outcome: 'failed', code: 'GATE_FAILED', message: 'it\'s $HOME\n`two` "lines"\0' };
  const file = path.join(folder, 'seen');
  await runPreDeploy(
    [{ run: `env | grep ^MLXFLEET_ | sort >'${file.replaceAll("'", String.raw`'\''`)}'`, on }],
    {
      facts: { ...FACTS, failure },
    },
  );
  const seen = (await readFile(file, 'utf8')).trim().split('\n');
  expect(seen).toEqual([
    'MLXFLEET_ADDRESS=',
    'MLXFLEET_ARCH=arm64',
    'MLXFLEET_CHANGE_ID=',
    "MLXFLEET_ERROR=it's $HOME",
    'MLXFLEET_ERROR_CODE=GATE_FAILED',
    'MLXFLEET_HOOK=pre-deploy',
    'MLXFLEET_HOST=here',
    'MLXFLEET_OPERATOR=tester@bench',
    'MLXFLEET_OS=Darwin',
    'MLXFLEET_OUTCOME=failed',
    'MLXFLEET_PREVIOUS=',
    'MLXFLEET_RAM_BYTES=34359738368',
    'MLXFLEET_RELEASE=20261123T040000Z-3f9ac2e1',
    'MLXFLEET_VERSION=1.1.0',
  ]);
});

test('nothing of the script that runs it is in its environment', async () => {
  await runPreDeploy([{ run: 'env | grep -c -E "SENTINEL|HOOK_COMMAND|^LC_ALL=C$" || true; umask' }]);
  expect(observer.lines).toContain('here notice pre-deploy: 0');
  expect(observer.lines).not.toContain('here notice pre-deploy: 0077');
});

test('the first that fails is named with its last lines, and the others do not run', async () => {
  const failed = runPreDeploy(
    [
      { run: 'i=1; while [ $i -le 300 ]; do echo "line $i"; i=$((i+1)); done; exit 3' },
      { run: 'echo never' },
    ],
    { state: 'Nothing was changed.' },
  );
  await expect(failed).rejects.toMatchObject({ code: 'HOOK_FAILED' });
  const message = await failed.catch((error: unknown) => String(error));
  expect(message).toMatch(/here: the pre-deploy hook ended with exit code 3: i=1;/);
  expect(message).toContain('\n  | line 281\n');
  expect(message).not.toContain('| line 280\n');
  expect(message).toMatch(/ {2}\| line 300\nNothing was changed\.$/);
  const shown = observer.lines.filter((line) => /: line \d+$/.test(line));
  expect(shown).toHaveLength(200);
  expect(observer.lines.at(-1)).toBe('here notice pre-deploy: 100 more lines are left out');
});

test('a hook ended by a signal of its own has failed', async () => {
  await expect(runPreDeploy([{ run: 'kill -KILL $$' }])).rejects.toMatchObject({
    code: 'HOOK_FAILED',
    message: expect.stringContaining('ended with exit code 137'),
  });
});

/** Refuses to go, has left its group, and is nobody's child: one sleep each. */
const stubborn = (mark: number): string =>
  [
    `(trap '' TERM; sleep ${mark}1; sleep ${mark}1) &`,
    `timeout 600 sleep ${mark}2 &`,
    `(sleep ${mark}3 &);`,
    `echo up; sleep ${mark}4`,
  ].join(' ');

describe.each(['local', 'remote'] as const)('a %s hook is ended with everything that it started', (on) => {
  test('when it takes too long', async () => {
    const mark = on === 'local' ? 4711 : 4712;
    const began = performance.now();
    await expect(runPreDeploy([{ run: stubborn(mark), on }], { limitMs: 1000 })).rejects.toMatchObject({
      code: 'HOOK_FAILED',
      message: expect.stringContaining('did not end within 1 s and was ended'),
    });
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(running(`sleep ${mark}`)).toEqual([]);
  });

  test('by Ctrl-C', async () => {
    const mark = on === 'local' ? 4713 : 4714;
    const controller = new AbortController();
    const interrupted = runPreDeploy([{ run: stubborn(mark), on }], { signal: controller.signal });
    interrupted.catch(() => undefined);
    await expect.poll(() => observer.lines, { timeout: 10_000 }).toContain('here notice pre-deploy: up');
    expect(running(`sleep ${mark}`)).not.toEqual([]);
    controller.abort(new DOMException('Interrupted', 'AbortError'));
    await expect(interrupted).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(running(`sleep ${mark}`)).toEqual([]);
  });
});

test.each(['local', 'remote'] as const)('a %s hook ends with an operator that is killed', async (on) => {
  const mark = on === 'local' ? 4715 : 4716;
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'testing/hook-operator.ts')], {
    env: {
      ...process.env,
      SETTINGS: JSON.stringify(host.target.settings),
      HOOK: stubborn(mark),
      WHERE: on,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await expect.poll(() => said, { timeout: 20_000 }).toContain('pre-deploy: up');
  child.kill('SIGKILL');
  await expect.poll(() => running(`sleep ${mark}`), { timeout: 15_000 }).toEqual([]);
});

test('after Ctrl-C none is begun', async () => {
  const signal = AbortSignal.abort(new DOMException('Interrupted', 'AbortError'));
  await expect(runPreDeploy([{ run: 'echo begun' }], { signal })).rejects.toMatchObject({
    code: 'INTERRUPTED',
  });
  expect(observer.lines).toEqual([]);
});
