import { lstat, mkdir, readdir, readFile, readlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AgentConfig, agentConfigSchema } from '@mlxfleet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../config/secret.ts';
import { FakeHost } from '../hosts/testing/fake-host.ts';
import { hooksOf } from '../hooks/hook.ts';
import type { PlanSection } from '../phases/diff/plan-section.ts';
import { RUNTIME_VERSIONS } from '../release/runtime-table.ts';
import { deploy } from './deploy.ts';
import { type StandInDeploy, type StandInOutcome, deployStandIn } from './testing/deploy-stand-in.ts';
import { RecordingObserver, StandInHost, standInPayload, standInSettings } from './testing/stand-ins.ts';

const PLATFORMS = ['linux-x86_64', 'macos-arm64'];

/** The same packages locked for each platform. */
function locked(kind: string, packages: string): Record<string, string> {
  const lines = packages.replaceAll(' ', ' \\\n    --hash=sha256:0\n');
  return Object.fromEntries(
    PLATFORMS.map((platform) => [`packages/agent/python/locks/${kind}-${platform}.txt`, `${lines}\n`]),
  );
}

/** Everything under the root with what shows that it was touched. */
async function everythingIn(root: string): Promise<Map<string, string>> {
  const names = await readdir(root, { recursive: true }).catch(() => []);
  const seen = await Promise.all(
    names.map(async (name): Promise<[string, string]> => {
      const { ino, mtimeMs, size } = await lstat(join(root, name));
      return [name, `${String(ino)} ${String(mtimeMs)} ${String(size)}`];
    }),
  );
  return new Map(seen.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

/** What a deploy may change on a host, and a dry run foretells. */
interface Changed {
  /** Folders of releases, environments and programs. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Files that the agent reads. */
  readonly written: readonly string[];
  readonly current: string | null;
  readonly restarted: boolean;
  readonly uploads: number;
}

interface Standing {
  readonly folders: ReadonlySet<string>;
  readonly files: ReadonlyMap<string, string | null>;
  readonly current: string | null;
  readonly agentPid: string | null;
}

async function standing(host: StandInHost): Promise<Standing> {
  const folders = await Promise.all(
    ['releases', 'envs', 'runtime'].map(async (folder) =>
      (await readdir(host.path(folder)).catch(() => [])).map((name) => `${folder}/${name}`),
    ),
  );
  // A record goes with its release, and is told of when it is all that is left.
  const recorded = await readdir(host.path('deploy/records')).catch(() => []);
  const orphans = recorded
    .filter((id) => !folders.flat().includes(`releases/${id}`))
    .map((id) => `deploy/records/${id}`);
  const textOf = async (path: string): Promise<string | null> =>
    readFile(host.path(path), 'utf8').catch(() => null);
  const files = ['shared/config.yaml', 'shared/environment.json'];
  const texts = await Promise.all(files.map(async (path) => [path, await textOf(path)] as const));
  return {
    folders: new Set([...folders.flat(), ...orphans]),
    files: new Map(texts),
    current: await host.currentRelease(),
    agentPid: await textOf('run/agent.pid'),
  };
}

function changedBetween(before: Standing, after: Standing, { uploads }: StandInOutcome): Changed {
  return {
    added: [...after.folders].filter((path) => !before.folders.has(path)).toSorted(),
    removed: [...before.folders].filter((path) => !after.folders.has(path)).toSorted(),
    written: [...after.files.keys()].filter((path) => before.files.get(path) !== after.files.get(path)),
    current: after.current === before.current ? null : after.current,
    restarted: after.agentPid !== before.agentPid,
    uploads: uploads.length,
  };
}

/** The folder that a line of a dry run begins with. */
function folderOf(text: string): string[] {
  return /^(?:releases|envs|runtime)\/\S+/.exec(text) ?? [];
}

/** The same, read out of what a dry run says. */
function foretold(sections: readonly PlanSection[]): Changed {
  const texts = (name: PlanSection['name'], sign: string | null): string[] =>
    sections
      .filter((section) => section.name === name)
      .flatMap(({ entries }) => entries.filter((one) => one.sign === sign).map(({ text }) => text));
  const links = [...texts('release', '+'), ...texts('release', '~')];
  const sent = sections.flatMap(({ name, entries }) =>
    name === 'room' ? entries.filter(({ text }) => text === 'to send').flatMap(({ details }) => details) : [],
  );
  return {
    added: [...texts('release', '+'), ...texts('environments', '+')].flatMap(folderOf).toSorted(),
    removed: texts('removal', '-'),
    written: [...texts('configuration', '+'), ...texts('configuration', '~')].map(
      (text) => /^[^:]+/.exec(text)?.[0] ?? '',
    ),
    current:
      links.map((text) => /^current.* -> (\S+)/.exec(text)?.[1]).find((id) => id !== undefined) ?? null,
    restarted: texts('service', '+').length + texts('service', '~').length > 0,
    uploads: sent.length,
  };
}

function textsOf(sections: readonly PlanSection[], name: PlanSection['name']): string[] {
  return sections
    .filter((section) => section.name === name)
    .flatMap(({ entries }) =>
      entries.flatMap(({ sign, text, details }) => [
        `${sign ?? ' '} ${text}`,
        ...details.map((line) => `  ${line.sign ?? ' '} ${line.text}`),
      ]),
    );
}

/** A release that is made anew is named by the time at which it is. */
function withoutId(value: unknown, { row }: StandInOutcome): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll(String(row.release), 'this release'));
}

/** The same of a clean deploy, whose environments are named by chance. */
function withoutNames(value: unknown, outcome: StandInOutcome): string {
  return JSON.stringify(withoutId(value, outcome)).replaceAll(/(text-[0-9a-f]{12})-[0-9a-f]{8}/g, '$1-new');
}

const NOTHING: Changed = { added: [], removed: [], written: [], current: null, restarted: false, uploads: 0 };

/** One host, upgraded from test to test; `wanted` is what it has become so far. */
describe('what a dry run says is what the deploy does, and the least that is needed', () => {
  let host: StandInHost;
  let wanted: StandInDeploy = {
    version: '1.0.0',
    host: { keepReleases: 3 },
    payload: { files: { ...locked('text', 'mlx==0.32.3 numpy==2.1'), ...locked('vision', 'mlx-vlm==0.4') } },
  };

  beforeAll(async () => {
    host = await StandInHost.create();
    await writeFile(join(host.folder, 'bin/python3.13'), '#!/bin/sh\necho "3.13 $0"\n', { mode: 0o755 });
  });
  afterAll(async () => {
    await host.dispose();
  });

  const dryRun = async (options: StandInDeploy): Promise<StandInOutcome> =>
    deployStandIn(host, { ...options, settings: { ...options.settings, dryRun: true } });

  /** Runs dry, deploys, and runs dry again; answers what really changed and what was said. */
  async function upgrade(
    changes: Partial<StandInDeploy>,
  ): Promise<{ changed: Changed; sections: readonly PlanSection[]; sessions: number }> {
    wanted = {
      ...wanted,
      ...changes,
      host: { ...wanted.host, ...changes.host },
      payload: {
        ...wanted.payload,
        ...changes.payload,
        files: { ...wanted.payload?.files, ...changes.payload?.files },
      },
    };
    const untouched = await everythingIn(host.root);
    const before = await standing(host);
    const dry = await dryRun(wanted);
    expect(dry.row).toMatchObject({ outcome: 'changed', error: null });
    expect(dry).toMatchObject({ sessions: 1, uploads: [] });
    expect(await everythingIn(host.root)).toEqual(untouched);

    const real = await deployStandIn(host, wanted);
    expect(real.row).toMatchObject({ outcome: 'changed', error: null });
    const [dryPlan, realPlan] = [dry.result.plans[0], real.result.plans[0]];
    expect(withoutId(realPlan?.changes, real)).toEqual(withoutId(dryPlan?.changes, dry));
    const sections = dryPlan?.sections ?? [];
    const changed = changedBetween(before, await standing(host), real);
    expect(withoutId(foretold(sections), dry)).toEqual(withoutId(changed, real));

    const again = await dryRun(wanted);
    expect(again.row).toMatchObject({ outcome: 'unchanged', error: null });
    expect(again.result.plans[0]).toMatchObject({ changes: [], sections: [] });
    return { changed, sections, sessions: real.sessions };
  }

  const linkedText = async (): Promise<string> => (await readlink(host.path('current/envs/text'))).slice(14);

  test('a first deploy sends and builds everything', async () => {
    const { changed } = await upgrade({});
    expect(changed).toMatchObject({ restarted: true, uploads: 3 });
    expect(changed.added.map((path) => path.replace(/\/.*/, ''))).toEqual([
      'envs',
      'releases',
      'runtime',
      'runtime',
    ]);
    expect(changed.written).toEqual(['shared/config.yaml', 'shared/environment.json']);
  });

  test('of code alone it sends the release, and reuses environments and programs', async () => {
    const text = await linkedText();
    const { changed, sections, sessions } = await upgrade({ version: '1.1.0' });
    expect(changed).toEqual({
      ...NOTHING,
      added: [`releases/${String(changed.current)}`],
      current: changed.current,
      restarted: true,
      uploads: 1,
    });
    // A look, the upload, the change, and its confirmation.
    expect(sessions).toBe(4);
    expect(await linkedText()).toBe(text);
    expect(textsOf(sections, 'release')).toContain('  ~ worker/mlxfleet_worker/__init__.py');
    expect(textsOf(sections, 'environments')).toEqual([]);
  });

  test('of locked packages alone it builds that environment beside the old one', async () => {
    const text = await linkedText();
    const { changed, sections } = await upgrade({
      payload: { files: locked('text', 'mlx==0.32.4 pillow==12.0') },
    });
    expect(changed).toMatchObject({ removed: [], written: [], restarted: true, uploads: 1 });
    expect(changed.added).toEqual([`envs/${await linkedText()}`, `releases/${String(changed.current)}`]);
    expect(await readdir(host.path('envs'))).toContain(text);
    expect(textsOf(sections, 'environments')).toEqual([
      `+ envs/${await linkedText()} (2 packages, Python 3.12)`,
      `    in place of envs/${text}`,
      '  ~ mlx 0.32.3 -> 0.32.4',
      '  - numpy 2.1',
      '  + pillow 12.0',
    ]);
  });

  test('of the configuration alone it sends nothing and restarts', async () => {
    const untouched = await everythingIn(host.path('envs'));
    const { agentConfig } = host.target.settings;
    const { changed, sections, sessions } = await upgrade({
      host: { agentConfig: { ...agentConfig, queue_depth: 7 } },
    });
    expect(changed).toEqual({ ...NOTHING, written: ['shared/config.yaml'], restarted: true });
    expect(sessions).toBe(3);
    expect(await everythingIn(host.path('envs'))).toEqual(untouched);
    expect(textsOf(sections, 'configuration')).toEqual([
      '~ shared/config.yaml',
      '  - queue_depth: 50',
      '  + queue_depth: 7',
    ]);
    expect(textsOf(sections, 'service')).toEqual(['~ restart the agent: its configuration']);
  });

  test('of models and API keys it says which, and of a key the beginning of its hash', async () => {
    const { agentConfig } = host.with({ ...wanted.host }).target.settings;
    const hash = 'ab'.repeat(32);
    const withModels = (...models: object[]): AgentConfig =>
      agentConfigSchema.parse({ ...agentConfig, models });
    const model = { id: 'a/small', preload: true, pin: true, context: 8192 };
    const first = await upgrade({ host: { agentConfig: withModels(model) } });
    expect(textsOf(first.sections, 'models')).toEqual(['+ a/small (preload, pin, context 8192)']);
    expect(textsOf(first.sections, 'configuration')).toEqual(['~ shared/config.yaml: models, see below']);
    const other = withModels({ ...model, pin: false }, { id: 'a/large' });
    const { sections } = await upgrade({
      host: { agentConfig: { ...other, api: { ...other.api, key_hashes: [hash] } } },
    });
    expect(textsOf(sections, 'models')).toEqual(['+ a/large', '~ a/small: pin true -> false']);
    expect(textsOf(sections, 'configuration')).toEqual([
      '~ shared/config.yaml',
      '    api:',
      '  -   key_hashes: []',
      '  +   key_hashes:',
      '  +     - abababab…',
    ]);
  });

  test('of variables it says the names and no values', async () => {
    await upgrade({ host: { env: { HF_TOKEN: new Secret('hf_first'), KEPT: 'kept' } } });
    const { changed, sections } = await upgrade({
      host: { env: { HF_TOKEN: new Secret('hf_second'), KEPT: 'kept', HF_HOME: '/models' } },
    });
    expect(changed).toEqual({ ...NOTHING, written: ['shared/environment.json'], restarted: true });
    expect(textsOf(sections, 'configuration')).toEqual([
      '~ shared/environment.json',
      '  + HF_HOME',
      '  ~ HF_TOKEN',
    ]);
    expect(JSON.stringify(sections)).not.toMatch(/hf_|\/models|kept/);
  });

  test('of Python alone it builds the environment again, sends nothing and keeps the release', async () => {
    const before = await linkedText();
    const { changed, sections } = await upgrade({
      host: { python: { version: '3.13', indexUrl: null, findLinks: null } },
    });
    expect(changed).toEqual({
      ...NOTHING,
      added: [`envs/${await linkedText()}`],
      // No release leads to it any more.
      removed: [`envs/${before}`],
      restarted: true,
    });
    expect(textsOf(sections, 'environments')).toEqual([
      `+ envs/${await linkedText()} (2 packages, Python 3.13)`,
      `    in place of envs/${before}`,
      '  ~ Python 3.12 -> 3.13',
    ]);
  });

  test('of Node alone it sends Node and the release that names it, and reuses the environment', async () => {
    const text = await linkedText();
    const runtime = { ...RUNTIME_VERSIONS, node: '26.11.0' };
    const { changed } = await upgrade({ payload: { runtime } });
    expect(changed).toMatchObject({ written: [], restarted: true, uploads: 2 });
    expect(changed.added).toEqual([`releases/${String(changed.current)}`, 'runtime/node-26.11.0']);
    expect(await linkedText()).toBe(text);
  });

  test('of vision it builds that environment alone, and back it only unlinks it', async () => {
    const { changed } = await upgrade({ host: { vision: true } });
    expect(changed.added).toEqual([expect.stringMatching(/^envs\/vision-/)]);
    expect(changed).toMatchObject({ written: [], current: null, restarted: true, uploads: 0 });
    const back = await upgrade({ host: { vision: false } });
    expect(textsOf(back.sections, 'environments')).toEqual([
      expect.stringMatching(/^- vision: envs\/vision-[0-9a-f]{12} is not used any more$/),
    ]);
    expect(back.changed).toEqual({
      ...NOTHING,
      removed: [expect.stringMatching(/^envs\/vision-/)],
      restarted: true,
    });
  });

  test('what a new release leaves without use is foretold', async () => {
    await mkdir(host.path('envs/text-halfbuilt/bin'), { recursive: true });
    await mkdir(host.path('releases/20260101T000000Z-00000000'));
    // Three failed ones, of which the last two stay, and one that is good but gone.
    for (const number of ['1', '2', '3']) {
      const id = `2026020${number}T000000Z-0000000${number}`;
      await mkdir(host.path('releases', id));
      await writeFile(host.path('deploy/records', id), 'state=failed\nversion=0.9.0\n');
    }
    await writeFile(host.path('deploy/records/20260301T000000Z-00000000'), 'state=good\norder=99\n');
    const { changed } = await upgrade({ version: '1.2.0', host: { keepReleases: 1 } });
    expect(changed.removed).toEqual([
      'deploy/records/20260301T000000Z-00000000',
      expect.stringMatching(/^envs\/text-[0-9a-f]{12}$/),
      'envs/text-halfbuilt',
      'releases/20260101T000000Z-00000000',
      'releases/20260201T000000Z-00000001',
      expect.stringMatching(/^releases\//),
      expect.stringMatching(/^releases\//),
      `runtime/node-${RUNTIME_VERSIONS.node}`,
    ]);
  });

  test('a release that the host holds is not sent again', async () => {
    const { changed, sections } = await upgrade({ version: '1.1.0' });
    expect(changed).toMatchObject({ added: [], uploads: 0, restarted: true });
    expect(textsOf(sections, 'release').slice(1)).toEqual([
      '    1.1.0, which the host holds',
      '    1 changed, 6 the same',
      '  ~ worker/mlxfleet_worker/__init__.py',
    ]);
  });

  test('a release whose files were changed is sent anew, all of it', async () => {
    await truncate(host.path('current/agent/agent.mjs'));
    const { changed } = await upgrade({});
    expect(changed).toMatchObject({ written: [], restarted: true, uploads: 1 });
    expect(changed.current).not.toBeNull();
  });

  test('a clean one builds and sends anew under names of its own, and a plain one afterwards finds nothing', async () => {
    const settings = { clean: true };
    const before = await standing(host);
    const dry = await dryRun({ ...wanted, settings });
    const real = await deployStandIn(host, { ...wanted, settings });
    expect(real.row).toMatchObject({ outcome: 'changed', error: null });
    const said = foretold(dry.result.plans[0]?.sections ?? []);
    const changed = changedBetween(before, await standing(host), real);
    expect(withoutNames(said, dry)).toBe(withoutNames(changed, real));
    expect(changed).toMatchObject({ uploads: 1, restarted: true });
    const plain = await deployStandIn(host, wanted);
    expect(plain.row).toMatchObject({ outcome: 'unchanged', error: null });
  });

  test('an agent that is stopped is started, and nothing else', async () => {
    await host.stop();
    const { changed, sections } = await upgrade({});
    expect(changed).toEqual({ ...NOTHING, restarted: true });
    expect(textsOf(sections, 'service')).toEqual(['+ start the agent: it is stopped']);
  });

  test('with --only-stage nothing that serves is touched', async () => {
    const { changed } = await upgrade({ version: '1.3.0', settings: { onlyStage: true } });
    expect(changed).toEqual({ ...NOTHING, added: changed.added, uploads: 1 });
    expect(changed.added).toEqual([expect.stringMatching(/^releases\//)]);
    wanted = { ...wanted, settings: {} };
    expect((await upgrade({})).changed).toMatchObject({ added: [], uploads: 0, restarted: true });
  });

  test('a configuration that somebody else wrote is replaced, and not shown', async () => {
    await writeFile(host.path('shared/config.yaml'), 'version: 1\nsecret: hunter2\n');
    const { sections } = await upgrade({});
    expect(textsOf(sections, 'configuration')).toEqual([
      '~ shared/config.yaml: replaces one that this version does not know',
    ]);
    expect(JSON.stringify(sections)).not.toContain('hunter2');
  });

  test.each<[string, Partial<StandInDeploy>]>([
    ['the same', {}],
    ['another smoke-test model', { settings: { smokeTestModel: 'a/small' } }],
    ['another smoke-test model in the inventory', { host: { smokeTestModel: 'a/small' } }],
    ['fewer releases to keep', { host: { keepReleases: 1 } }],
    ['other hooks', { settings: { hooks: hooksOf({ hooks: { 'pre-deploy': [{ run: 'false' }] } }, '/') } }],
    ['other labels', { host: { labels: ['spare'] } }],
    [
      'another package index',
      { host: { python: { version: '3.13', indexUrl: 'http://127.0.0.1:9', findLinks: null } } },
    ],
  ])('%s: one look at the host, and nothing is touched', async (_what, changes) => {
    const options = { ...wanted, ...changes, host: { ...wanted.host, ...changes.host } };
    const before = await everythingIn(host.root);
    const { row, sessions, uploads } = await deployStandIn(host, options);
    expect(row).toMatchObject({ outcome: 'unchanged', error: null });
    expect({ sessions, uploads }).toEqual({ sessions: 1, uploads: [] });
    expect(await everythingIn(host.root)).toEqual(before);
  });
});

test('a host without the room fails in a dry run too, and is told what for', async () => {
  const stand = await StandInHost.create();
  const host = new FakeHost('small', () => ({
    messages: [
      {
        fact: 'system',
        os: 'Linux',
        arch: 'x86_64',
        cpu: null,
        model: null,
        ramBytes: null,
        osVersion: null,
        root: '/r',
        rootExists: false,
        freeBytes: 1024 ** 2,
      },
    ],
  }));
  const payload = await standInPayload(stand.folder, '1.0.0');
  const { document, plans } = await deploy(
    [{ settings: { ...stand.target.settings, name: 'small' }, host }],
    { ...standInSettings, dryRun: true },
    new RecordingObserver(),
    new AbortController().signal,
    { payload: async () => payload, runtimes: stand.runtimes },
  );
  await stand.dispose();
  expect(document.hosts[0]).toMatchObject({ outcome: 'failed', error: { code: 'DISK_FULL' } });
  expect(textsOf(plans[0]?.sections ?? [], 'room').at(-1)).toBe(
    '  to store: about 920 MB of disk, 1.0 MB are free',
  );
  expect(textsOf(plans[0]?.sections ?? [], 'environments').at(-1)).toBe(
    '    no fitting Python there: uv installs 3.12',
  );
  expect(host.ran).toEqual(['facts']);
});
