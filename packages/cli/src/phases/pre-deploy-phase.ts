import { deployHooks } from './deploy-hooks.ts';
import type { HostDeploy, Phase } from './deploy-state.ts';

/** The operator's own commands before anything is sent. When one fails, nothing was changed. */
export const preDeployPhase: Phase = {
  name: 'pre-deploy',
  async run(deploy: HostDeploy): Promise<void> {
    if (deploy.preDeployRan) return;
    deploy.preDeployRan = true;
    const serving = deploy.facts?.current?.id;
    await deploy.shared.gate.pass(async () =>
      deployHooks(deploy, 'pre-deploy', {
        state:
          serving === undefined
            ? 'Nothing is deployed on the host.'
            : `The old release ${serving} is untouched.`,
      }),
    );
  },
};
