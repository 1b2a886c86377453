import type { HostDetails, HostFacts, ReleaseFact } from '../../facts/facts.ts';
import type { HostPlan } from '../deploy-state.ts';
import { type DiffEntry, entry } from './plan-section.ts';

/** As pruning.sh has it. */
const KEPT_FAILED = 2;

/**
 * What a deploy removes once it is recorded: what pruning.sh will find then, foretold from what is there now. Of a release
 * the records and configurations go with it. Parts of uploads that are a day old go too and are not listed.
 */
export function removalEntries(
  plan: HostPlan,
  facts: HostFacts,
  settings: { readonly keepReleases: number; readonly onlyStage: boolean },
): DiffEntry[] {
  const { details } = facts;
  if (details === null || plan.changes.length === 0) return [];
  const incomplete = incompleteEnvironments(plan, facts, details);
  const pruned = settings.onlyStage ? [] : prunedPaths(plan, facts, details, settings.keepReleases);
  const paths = [...new Set([...incomplete, ...pruned])].toSorted((left, right) => (left < right ? -1 : 1));
  return paths.map((path) => entry('-', path));
}

/** Half built by a deploy that died; those that are built now come back at once. */
function incompleteEnvironments(
  { environments }: HostPlan,
  facts: HostFacts,
  details: HostDetails,
): string[] {
  const kept = new Set([...facts.environments.map(({ name }) => name), ...environments.values()]);
  return details.folders.filter((path) => path.startsWith('envs/') && !kept.has(path.slice('envs/'.length)));
}

/** A release that is recorded, as far as pruning looks at it. */
interface Recorded {
  readonly id: string;
  readonly state: ReleaseFact['state'];
  readonly order: number;
  readonly present: boolean;
}

function prunedPaths(
  { releaseId, environments, desired }: HostPlan,
  facts: HostFacts,
  details: HostDetails,
  keepReleases: number,
): string[] {
  const before = recordedOf(facts.releases);
  const previousOf = new Map(details.holdings.map(({ id, previous }) => [id, previous]));
  const undoTo = lastGood(before, facts.current?.id ?? null, previousOf);
  if (undoTo !== null && undoTo !== releaseId) previousOf.set(releaseId, undoTo);
  const after = withDeployed(before, releaseId);
  const good = newestFirst(after, 'good');
  const stays = new Set([releaseId, goodBefore(after, releaseId, previousOf)]);
  const going = new Set(
    [
      ...good.slice(keepReleases),
      ...newestFirst(after, 'failed').slice(KEPT_FAILED),
      ...details.holdings
        .filter(({ path, recorded }) => !recorded && path.startsWith('releases/'))
        .map(({ id }) => id),
    ].filter((id) => !stays.has(id)),
  );
  const remaining = details.holdings.filter(({ id }) => !going.has(id));
  const used = new Set([
    `runtime/uv-${desired.runtime.uv}`,
    `runtime/node-${desired.runtime.node}`,
    'runtime/python',
    ...[...environments.values()].map((name) => `envs/${name}`),
    ...remaining.flatMap(({ id, uses }) =>
      // What the deployed release used before, it may use no more.
      id === releaseId ? uses.filter((path) => path.startsWith('runtime/')) : uses,
    ),
  ]);
  return [
    ...details.holdings.filter(({ id }) => going.has(id)).map(({ path }) => path),
    ...details.folders.filter((path) => !used.has(path)),
  ];
}

function recordedOf(releases: readonly ReleaseFact[]): Recorded[] {
  return releases.map(({ id, state, order, present }) => ({ id, state, order, present }));
}

/** As release_keep records it. */
function withDeployed(releases: readonly Recorded[], id: string): Recorded[] {
  const last = Math.max(0, ...releases.map(({ order }) => order));
  const known = releases.find((release) => release.id === id);
  const isLast = known?.state === 'good' && known.order === last;
  const deployed: Recorded = { id, state: 'good', order: isLast ? last : last + 1, present: true };
  return [...releases.filter((release) => release.id !== id), deployed];
}

function newestFirst(releases: readonly Recorded[], state: Recorded['state']): string[] {
  return releases
    .filter((release) => release.state === state)
    .toSorted((left, right) => right.order - left.order || (left.id < right.id ? 1 : -1))
    .map(({ id }) => id);
}

/** As good_before (releases.sh) finds it. */
function goodBefore(
  releases: readonly Recorded[],
  id: string | null,
  previousOf: ReadonlyMap<string, string | null>,
): string | null {
  const good = releases.filter((release) => release.id !== id && release.state === 'good' && release.present);
  const named = id === null ? null : (previousOf.get(id) ?? null);
  if (named !== null && good.some((release) => release.id === named)) return named;
  const limit = releases.find((release) => release.id === id)?.order ?? 0;
  const earlier = good.filter(({ order }) => limit === 0 || order <= limit);
  return newestFirst(earlier, 'good')[0] ?? null;
}

function lastGood(
  releases: readonly Recorded[],
  current: string | null,
  previousOf: ReadonlyMap<string, string | null>,
): string | null {
  const serving = releases.find(({ id, state, present }) => id === current && state === 'good' && present);
  return serving?.id ?? goodBefore(releases, current, previousOf);
}
