import type { HookEvent } from '../hooks/hook.ts';
import type { HookFacts } from '../hooks/hook-variables.ts';
import { type HookContext, runHooks } from '../hooks/run-hooks.ts';
import type { HostDeploy } from './deploy-state.ts';

/** What of a hook's context the deploy of a host does not tell by itself. */
export interface DeployHookOptions extends Pick<HookContext, 'state' | 'hint' | 'limitMs'> {
  /** Replaces the signal of the deploy. */
  readonly signal?: AbortSignal;
  /** Why an on-failure hook runs. */
  readonly failure?: HookFacts['failure'];
}

/**
 * Runs the hooks of an event around the deploy of one host; see runHooks for what it throws. For post-switch it is called
 * once the new release has passed its gate and before it is confirmed.
 */
export async function deployHooks(
  deploy: HostDeploy,
  event: HookEvent,
  { failure, ...options }: DeployHookOptions = {},
): Promise<void> {
  const { target, shared } = deploy;
  const { hooks } = shared.settings;
  if (hooks === undefined) return;
  const facts = { ...hookFacts(deploy), ...(failure === undefined ? {} : { failure }) };
  await runHooks(event, {
    hooks,
    target,
    facts,
    observer: shared.observer,
    signal: shared.signal,
    ...options,
  });
}

function hookFacts({ target, shared, facts, plan, changeId }: HostDeploy): HookFacts {
  const { name, address } = target.settings;
  const system = facts?.system;
  return {
    host: name,
    address,
    release: plan?.releaseId ?? null,
    previous: facts?.current?.id ?? null,
    version: plan?.release?.manifest.version ?? shared.payload.version,
    operator: shared.settings.operator.name,
    os: system?.os ?? null,
    arch: system?.arch ?? null,
    ramBytes: system?.ramBytes ?? null,
    changeId: changeId ?? null,
  };
}
