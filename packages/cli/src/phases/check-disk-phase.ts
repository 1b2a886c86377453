import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { formatBytes } from '../output/quantities.ts';
import type { HostDeploy, Phase } from './deploy-state.ts';
import { required } from './deploy-state.ts';
import { neededBytes } from './plan.ts';

/** Fails before anything is sent when the host has not enough room. */
export const checkDiskPhase: Phase = {
  name: 'disk',
  async run(deploy: HostDeploy): Promise<void> {
    const { settings } = deploy.target;
    const { changes } = required(deploy.plan, 'plan');
    const facts = required(deploy.facts, 'facts');
    const free = facts.system?.freeBytes ?? null;
    const needed = neededBytes(changes);
    if (free === null || free >= needed) return;
    const builds = changes.flatMap((change) =>
      change.kind === 'build-environment' ? [`the ${change.environment} env`] : [],
    );
    const purpose = builds.length === 0 ? 'the release' : builds.join(' and ');
    const state = facts.admin === null ? 'Nothing was changed on the host.' : 'The old release is serving.';
    throw new CodedError(
      ERRORS.DISK_FULL,
      `${settings.name}: ${formatBytes(free)} free, ${formatBytes(needed)} needed for ${purpose}. ${state}`,
      builds.includes('the vision env')
        ? {
            hint: `Free space or set hosts.${settings.name}.vision: false, then: mlxfleet deploy ${settings.name}`,
          }
        : {},
    );
  },
};
