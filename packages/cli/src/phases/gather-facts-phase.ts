import { formatBytes } from '../output/quantities.ts';
import type { HostDeploy, Phase } from './deploy-state.ts';
import { ALL_FACTS, gatherFacts, type SystemFact } from '../facts/facts.ts';

/** Looks at the host: one session, nothing changed. */
export const gatherFactsPhase: Phase = {
  name: 'facts',
  async run(deploy: HostDeploy): Promise<void> {
    const { target, shared } = deploy;
    shared.observer.hostStep(target.settings.name, 'facts', 'begin', '');
    deploy.facts = await gatherFacts(
      target.host,
      target.settings,
      shared.gate.isOpen ? ALL_FACTS : [...ALL_FACTS, 'details'],
      {
        contentHash: shared.payload.contentHash,
        probePython: shared.settings.clean,
        signal: shared.signal,
      },
    );
    const { system } = deploy.facts;
    shared.observer.hostStep(
      target.settings.name,
      'facts',
      'done',
      system === null ? '' : describeSystem(system),
    );
  },
};

/** For example `Apple M4, 32 GB, macOS 15.6, 212 GB free`. */
function describeSystem(system: SystemFact): string {
  const parts = [system.cpu ?? `${system.os} ${system.arch}`];
  if (system.ramBytes !== null) parts.push(formatBytes(system.ramBytes));
  if (system.osVersion !== null) parts.push(system.osVersion);
  if (system.freeBytes !== null) parts.push(`${formatBytes(system.freeBytes)} free`);
  return parts.join(', ');
}
