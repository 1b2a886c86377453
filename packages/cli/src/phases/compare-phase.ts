import type { Blob } from '../release/package-release.ts';
import type { HostDeploy, Phase } from './deploy-state.ts';
import { required } from './deploy-state.ts';
import { planSections } from './diff/plan-sections.ts';
import type { BlobName } from './wanted-blobs.ts';

/** In a dry run: says what the plan comes to, kind by kind. Fetches nothing. */
export const comparePhase: Phase = {
  name: 'compare',
  async run(deploy: HostDeploy): Promise<void> {
    const { target, shared } = deploy;
    if (shared.gate.isOpen) return;
    const plan = required(deploy.plan, 'plan');
    const programs = new Map<BlobName, Blob>();
    for (const change of plan.changes) {
      if (change.kind !== 'install-runtime') continue;
      const blob = await shared.runtimes.held(change.name, plan.desired.platform);
      if (blob !== null) programs.set(change.name, blob);
    }
    const { keepReleases } = target.settings;
    deploy.sections = planSections(plan, required(deploy.facts, 'facts'), shared, keepReleases, programs);
  },
};
