import { randomBytes } from 'node:crypto';
import { hostScriptParts } from '../service/host-script-parts.ts';
import type { HostDeploy, Phase } from './deploy-state.ts';
import { required } from './deploy-state.ts';
import { desiredHost, heldRelease } from './desired-host.ts';
import { chooseEnvironments, plan, stagingOf } from './plan.ts';

/** Decides what has to change. A host with nothing to change is done. */
export const planPhase: Phase = {
  name: 'plan',
  async run(deploy: HostDeploy): Promise<void> {
    const { target, shared } = deploy;
    const facts = required(deploy.facts, 'facts');
    // Refuses what the change could not do, so that a dry run tells it too.
    hostScriptParts(target.settings);
    const desired = desiredHost(target.settings, shared.payload, facts);
    const { clean, onlyStage } = shared.settings;
    const held = clean ? null : heldRelease(desired.contentHash, facts);
    let release = held === null ? await shared.packageRelease(clean) : null;
    // The id is taken on the host by files that are no longer what they were: the running release is never repaired
    // in place.
    if (
      release !== null &&
      facts.releases.some(({ id, present }) => present && id === release?.manifest.id)
    ) {
      release = await shared.packageRelease(true);
    }
    const releaseId = held ?? release?.manifest.id ?? '';
    const suffix = clean ? `-${randomBytes(4).toString('hex')}` : '';
    const environments = chooseEnvironments(desired, facts, suffix);
    const wanted = plan(desired, facts, releaseId, environments);
    const changes = onlyStage ? stagingOf(wanted) : wanted;
    deploy.plan = { desired, releaseId, release, environments, changes };
    if (changes.length === 0) deploy.outcome = 'unchanged';
  },
};
