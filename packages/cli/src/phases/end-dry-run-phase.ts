import type { HostDeploy, Phase } from './deploy-state.ts';

/** A dry run ends here: what would follow begins with the first change. */
export const endDryRunPhase: Phase = {
  name: 'end of a dry run',
  async run(deploy: HostDeploy): Promise<void> {
    if (!deploy.shared.gate.isOpen) deploy.outcome = 'changed';
  },
};
