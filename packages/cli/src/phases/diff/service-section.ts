import type { HostFacts } from '../../facts/facts.ts';
import type { Change } from '../change.ts';
import { type DiffEntry, entry } from './plan-section.ts';

/** Whether the agent is started or restarted, and why. Every change does but those that only stage. */
export function serviceEntries(
  changes: readonly Change[],
  facts: HostFacts,
  onlyStage: boolean,
): DiffEntry[] {
  if (onlyStage || changes.length === 0) return [];
  const known = [...new Set(changes.flatMap((change) => reasonOf(change)))];
  const reasons = known.length > 0 ? known.join(', ') : 'what it runs on was missing';
  return facts.service?.state === 'running'
    ? [entry('~', `restart the agent: ${reasons}`)]
    : [entry('+', `start the agent: ${reasons}`)];
}

function reasonOf(change: Change): string[] {
  switch (change.kind) {
    case 'switch':
      return [change.from === null ? 'the first release' : 'another release'];
    case 'write-configuration':
      return ['its configuration'];
    case 'link-environments':
      return ['other environments'];
    case 'confirm':
      return ['an earlier deploy did not finish'];
    case 'restart-service':
      return [change.reason];
    case 'install-runtime':
    case 'build-environment':
    case 'stage-release':
      return [];
    default:
      return change satisfies never;
  }
}
