import { JSON_SCHEMA_VERSION, type ReleasesDocument } from '@mlxfleet/protocol';
import { gatherFacts, type ReleaseFact } from '../facts/facts.ts';
import { errorRow } from './error-row.ts';
import { runParallel } from './run-parallel.ts';
import type { Target } from '../deploy-types/target.ts';

type HostReleases = ReleasesDocument['hosts'][number];

/** Hosts asked at the same time. */
const PARALLEL = 16;

/** The releases on each host, newest first. A host that cannot be asked has an error in its row. */
export async function releases(targets: readonly Target[], signal: AbortSignal): Promise<ReleasesDocument> {
  const rows = new Map<string, HostReleases>();
  await runParallel(targets, PARALLEL, async ({ host, settings }) => {
    const { name } = settings;
    try {
      const facts = await gatherFacts(host, settings, ['releases'], { signal });
      rows.set(name, {
        name,
        releases: facts.releases.toSorted(newestFirst).map(releaseRow),
        error: null,
      });
    } catch (error) {
      signal.throwIfAborted();
      rows.set(name, { name, releases: [], error: errorRow(error, name) });
    }
  });
  return {
    schemaVersion: JSON_SCHEMA_VERSION,
    hosts: targets.flatMap(({ settings: { name } }) => rows.get(name) ?? []),
  };
}

/** Length of the time that an id begins with. */
const ID_TIME = '20261123T040000Z'.length;

/** Ids tell the second of making; two made within one are told apart by their records. */
function newestFirst(left: ReleaseFact, right: ReleaseFact): number {
  return (
    right.id.slice(0, ID_TIME).localeCompare(left.id.slice(0, ID_TIME)) ||
    (right.createdAt ?? '').localeCompare(left.createdAt ?? '')
  );
}

function releaseRow(release: ReleaseFact): HostReleases['releases'][number] {
  const { id, version, createdAt, deployedBy, state, current } = release;
  return { id, version, createdAt, deployedBy, state, current };
}
