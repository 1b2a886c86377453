import { lstat, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PruneOutcome, pruneHost, type PruneSettings } from '../actions/prune-host.ts';
import { StandInHost, standInSettings } from '../actions/testing/stand-ins.ts';
import { RUNTIME_VERSIONS } from '../release/runtime-table.ts';

async function prune(host: StandInHost, settings: Partial<PruneSettings>): Promise<PruneOutcome> {
  return pruneHost(
    host.target,
    { ...standInSettings, staged: false, dryRun: false, ...settings },
    { removed: () => undefined, notice: () => undefined },
    new AbortController().signal,
  );
}

async function everythingIn(root: string): Promise<ReadonlySet<string>> {
  return new Set(await readdir(root, { recursive: true }));
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mlxfleet-prune-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Release {
  readonly state: 'good' | 'failed' | 'staged' | null;
  readonly present: boolean;
  readonly previous: number | null;
  readonly node: number | null;
  readonly text: number | null;
  readonly vision: number | null;
  /** Environments that it was last good with. */
  readonly kept: readonly number[];
}

interface Site {
  readonly releases: readonly Release[];
  readonly current: number | null;
  readonly pending: number | null;
  readonly keep: number;
  readonly staged: boolean;
  readonly absolute: boolean;
}

const some = (most: number): fc.Arbitrary<number | null> => fc.option(fc.nat({ max: most }), { freq: 2 });
const sites: fc.Arbitrary<Site> = fc.record({
  releases: fc.array(
    fc.record({
      state: fc.oneof(
        { weight: 4, arbitrary: fc.constant('good' as const) },
        { weight: 2, arbitrary: fc.constantFrom('failed' as const, 'staged' as const) },
        { weight: 1, arbitrary: fc.constant(null) },
      ),
      present: fc.integer({ min: 0, max: 5 }).map((one) => one > 0),
      previous: some(9),
      node: some(2),
      text: some(4),
      vision: some(4),
      kept: fc.array(fc.nat({ max: 4 }), { maxLength: 2 }),
    }),
    { maxLength: 9 },
  ),
  current: some(9),
  pending: fc.option(fc.nat({ max: 9 }), { freq: 5 }),
  keep: fc.integer({ min: 1, max: 3 }),
  staged: fc.boolean(),
  absolute: fc.boolean(),
});

const idOf = (index: number): string => `20261123T04000${String(index)}Z-0000000${String(index)}`;

const orderOf = (site: Site, index: number): number =>
  // Not the order of the names.
  site.releases[index]?.state === 'good' ? ((index * 7) % 10) + 1 : 0;

async function build(site: Site): Promise<StandInHost> {
  const host = new StandInHost(folder, { root: await mkdtemp(path.join(folder, "root's ")) });
  for (const name of ['releases', 'deploy/records', 'deploy/configs', 'deploy/incoming', 'envs', 'runtime'])
    await mkdir(host.path(name), { recursive: true });
  for (const index of [0, 1, 2, 3, 4]) {
    await mkdir(host.path(`envs/text-${String(index)}`));
    await mkdir(host.path(`envs/vision-${String(index)}`));
  }
  for (const index of [0, 1, 2]) await mkdir(host.path(`runtime/node-${String(index)}`));
  for (const name of ['python', 'uv-0.0.1', `uv-${RUNTIME_VERSIONS.uv}`])
    await mkdir(host.path('runtime', name));
  const up = site.absolute ? host.root : '../../..';
  for (const [index, release] of site.releases.entries()) {
    const id = idOf(index);
    if (release.present) {
      await mkdir(host.path('releases', id, 'envs'), { recursive: true });
      await mkdir(host.path('releases', id, 'runtime'));
      const link = async (target: string, name: string): Promise<void> =>
        symlink(`${up}/${target}`, host.path('releases', id, name));
      if (release.node !== null) await link(`runtime/node-${String(release.node)}/bin/node`, 'runtime/node');
      if (release.text !== null) await link(`envs/text-${String(release.text)}`, 'envs/text');
      if (release.vision !== null) await link(`envs/vision-${String(release.vision)}`, 'envs/vision');
    }
    if (release.state === null) continue;
    const previous = release.previous === null ? '' : idOf(release.previous);
    await writeFile(
      host.path('deploy/records', id),
      `state=${release.state}\norder=${String(orderOf(site, index))}\nprevious=${previous}\n`,
    );
    if (release.kept.length > 0) {
      await mkdir(host.path('deploy/configs', id));
      const kept = release.kept.map((one) => `text=text-${String(one)}\n`).join('');
      await writeFile(host.path('deploy/configs', id, 'environments'), kept);
    }
  }
  if (site.current !== null) await symlink(`releases/${idOf(site.current)}`, host.path('current'));
  if (site.pending !== null) {
    const text = `change=x\nstate=armed\nrelease=${idOf(site.pending)}\nundo_to=\n`;
    await writeFile(host.path('deploy/pending'), text);
  }
  return host;
}

/** The release that a rollback would go to, by what operations.md promises. */
function goesBackTo(site: Site): number | null {
  const { current, releases } = site;
  const record = current === null ? undefined : releases[current];
  const serves = (index: number): boolean =>
    index !== current && releases[index]?.state === 'good' && releases[index].present;
  const named = record?.state === null ? null : (record?.previous ?? null);
  if (named !== null && serves(named)) return named;
  const limit = current === null ? 0 : orderOf(site, current);
  const before = releases
    .map((_, index) => index)
    .filter((index) => serves(index) && (limit === 0 || orderOf(site, index) <= limit));
  return before.toSorted((a, b) => orderOf(site, b) - orderOf(site, a))[0] ?? null;
}

function indexesOf(site: Site, state: Release['state']): number[] {
  return site.releases.flatMap((release, index) => (release.state === state ? [index] : []));
}

const byName = (a: number, b: number): number => (idOf(a) < idOf(b) ? 1 : -1);

const exists = async (file: string): Promise<boolean> =>
  lstat(file).then(
    () => true,
    () => false,
  );

test('nothing goes that is needed, everything else does, and once is enough', async () => {
  await fc.assert(
    fc.asyncProperty(sites, async (site) => {
      const host = await build(site);
      const options = { keep: site.keep, staged: site.staged };
      const before = await everythingIn(host.root);
      const planned = await prune(host, { ...options, dryRun: true });
      expect(await everythingIn(host.root)).toEqual(before);
      const pruned = await prune(host, options);
      expect(pruned.removed).toEqual(planned.removed);
      expect(pruned.error).toBeNull();

      const { releases } = site;
      const byOrder = (a: number, b: number): number => orderOf(site, b) - orderOf(site, a);
      const stay = new Set([
        ...indexesOf(site, 'good').toSorted(byOrder).slice(0, site.keep),
        ...indexesOf(site, 'failed').toSorted(byName).slice(0, 2),
        ...(site.staged ? [] : indexesOf(site, 'staged')),
        ...[site.current, site.pending, goesBackTo(site)].filter((index) => index !== null),
      ]);
      const needed = new Set(['runtime/python', `runtime/uv-${RUNTIME_VERSIONS.uv}`]);
      for (const [index, release] of releases.entries()) {
        const id = idOf(index);
        const stays = stay.has(index);
        expect(await exists(host.path('releases', id))).toBe(release.present && stays);
        expect(await exists(host.path('deploy/records', id))).toBe(release.state !== null && stays);
        const hasConfig = release.state !== null && release.kept.length > 0;
        expect(await exists(host.path('deploy/configs', id))).toBe(hasConfig && stays);
        if (!stays) continue;
        if (hasConfig) for (const one of release.kept) needed.add(`envs/text-${String(one)}`);
        if (!release.present) continue;
        if (release.node !== null) needed.add(`runtime/node-${String(release.node)}`);
        if (release.text !== null) needed.add(`envs/text-${String(release.text)}`);
        if (release.vision !== null) needed.add(`envs/vision-${String(release.vision)}`);
      }
      const left = [
        ...(await readdir(host.path('envs'))).map((name) => `envs/${name}`),
        ...(await readdir(host.path('runtime'))).map((name) => `runtime/${name}`),
      ];
      expect(new Set(left)).toEqual(needed);
      expect(await exists(host.path('current'))).toBe(site.current !== null);
      expect((await prune(host, options)).removed).toEqual([]);
      await rm(host.root, { recursive: true, force: true });
    }),
    { numRuns: 40 },
  );
}, 120_000);
