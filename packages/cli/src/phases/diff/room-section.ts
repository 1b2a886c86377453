import type { HostFacts } from '../../facts/facts.ts';
import { formatBytes } from '../../output/quantities.ts';
import type { Blob } from '../../release/package-release.ts';
import type { HostPlan } from '../deploy-state.ts';
import { neededBytes } from '../plan.ts';
import { type BlobName, bytesToSend } from '../wanted-blobs.ts';
import { type DiffEntry, entry } from './plan-section.ts';

/**
 * What is sent, and the room that it takes.
 * @param programs those that this machine holds already; the size of others is known once they are fetched
 */
export function roomEntries(
  { changes, release }: HostPlan,
  facts: HostFacts,
  programs: ReadonlyMap<BlobName, Blob>,
): DiffEntry[] {
  const files = changes.flatMap((change) => {
    if (change.kind === 'stage-release' && release !== null)
      return [`the release, ${formatBytes(bytesToSend(release.blob, facts.incoming))}`];
    if (change.kind !== 'install-runtime') return [];
    const blob = programs.get(change.name);
    const size = blob === undefined ? 'to be fetched first' : formatBytes(bytesToSend(blob, facts.incoming));
    return [`${change.name} ${change.version}, ${size}`];
  });
  const needed = neededBytes(changes);
  const free = facts.system?.freeBytes ?? null;
  const remark = `about ${formatBytes(needed)} of disk${free === null ? '' : `, ${formatBytes(free)} are free`}`;
  return [
    files.length === 0
      ? entry(null, 'to send: nothing')
      : entry(
          null,
          'to send',
          files.map((text) => ({ sign: null, text })),
        ),
    ...(needed === 0 ? [] : [entry(null, `to store: ${remark}`)]),
  ];
}
