import type { HostFacts } from '../../facts/facts.ts';
import { describeHooks } from '../../hooks/hook.ts';
import type { Blob } from '../../release/package-release.ts';
import type { DeployShared, HostPlan } from '../deploy-state.ts';
import type { BlobName } from '../wanted-blobs.ts';
import { configurationEntries, modelEntries } from './configuration-section.ts';
import { environmentEntries } from './environments-section.ts';
import { entry, type PlanSection } from './plan-section.ts';
import { releaseEntries } from './release-section.ts';
import { removalEntries } from './removal-section.ts';
import { roomEntries } from './room-section.ts';
import { serviceEntries } from './service-section.ts';

/** What a plan comes to on a host, by kind; empty when nothing changes. Pure. */
export function planSections(
  plan: HostPlan,
  facts: HostFacts,
  { payload, settings: { hooks, onlyStage } }: Pick<DeployShared, 'payload' | 'settings'>,
  keepReleases: number,
  programs: ReadonlyMap<BlobName, Blob>,
): PlanSection[] {
  const { changes, desired } = plan;
  if (changes.length === 0) return [];
  const writes = changes.some(({ kind }) => kind === 'write-configuration');
  const after = onlyStage ? [] : (['post-switch', 'post-deploy', 'on-failure'] as const);
  const commands = hooks === undefined ? [] : describeHooks(hooks, ['pre-deploy', ...after]);
  const sections: PlanSection[] = [
    { name: 'release', entries: releaseEntries(plan, payload, facts) },
    { name: 'environments', entries: environmentEntries(plan, payload, facts) },
    { name: 'configuration', entries: writes ? configurationEntries(desired, facts) : [] },
    { name: 'models', entries: writes ? modelEntries(desired, facts) : [] },
    { name: 'service', entries: serviceEntries(changes, facts, onlyStage) },
    { name: 'removal', entries: removalEntries(plan, facts, { keepReleases, onlyStage }) },
    { name: 'room', entries: roomEntries(plan, facts, programs) },
    { name: 'hooks', entries: commands.map((command) => entry(null, command)) },
  ];
  return sections.filter(({ entries }) => entries.length > 0);
}
