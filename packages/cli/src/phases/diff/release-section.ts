import type { HostFacts } from '../../facts/facts.ts';
import type { Payload } from '../../release/payload.ts';
import type { HostPlan } from '../deploy-state.ts';
import { compareByName, type DiffEntry, type Difference, type DiffLine, entry } from './plan-section.ts';

/** The release that is staged or switched to, and its files against those of the current one. */
export function releaseEntries(plan: HostPlan, payload: Payload, facts: HostFacts): DiffEntry[] {
  const { changes, releaseId } = plan;
  const current = facts.current?.id ?? null;
  const before = facts.details?.files ?? new Map<string, string>();
  const after = new Map(payload.files.map(({ path, sha256 }) => [path, sha256]));
  // It names the release, so that it differs always.
  const files = compareByName(new Map([...before].filter(([path]) => path !== 'manifest.json')), after);
  const isUpgrade = current !== null && before.size > 0;
  const counts = isUpgrade ? describeFiles(files, after.size) : `${String(after.size)} files`;
  const details: DiffLine[] = [{ sign: null, text: counts }];
  if (isUpgrade) details.push(...files.map(({ sign, name }) => ({ sign, text: name })));
  const isStaged = changes.some(({ kind }) => kind === 'stage-release');
  const entries: DiffEntry[] = [];
  if (isStaged) entries.push(entry('+', `releases/${releaseId} (${payload.version})`, details));
  for (const change of changes) {
    if (change.kind !== 'switch') continue;
    const { from, to } = change;
    const link = from === null ? `current -> ${to}` : `current: ${from} -> ${to}`;
    const held = { sign: null, text: `${payload.version}, which the host holds` };
    entries.push(entry(from === null ? '+' : '~', link, isStaged ? [] : [held, ...details]));
  }
  return entries;
}

function describeFiles(files: readonly Difference[], total: number): string {
  const count = (sign: string): number => files.filter((file) => file.sign === sign).length;
  const parts = [
    [count('~'), 'changed'],
    [count('+'), 'added'],
    [count('-'), 'removed'],
  ] as const;
  const said = parts.filter(([number]) => number > 0).map(([number, word]) => `${String(number)} ${word}`);
  const same = total - count('~') - count('+');
  return [...said, `${String(same)} the same`].join(', ');
}
