import { changeHost } from './change-host.ts';
import type { ChangeSettings } from '../deploy-types/deploy-settings.ts';
import type { HostAction } from './host-action.ts';
import type { Target } from '../deploy-types/target.ts';

/** Stops the agent and removes everything that mlxfleet put on one host, models only when asked to. */
export async function uninstallHost(
  target: Target,
  options: { readonly purgeModels: boolean },
  settings: ChangeSettings,
  signal: AbortSignal,
): Promise<HostAction> {
  const variables = { PURGE_MODELS: options.purgeModels ? 'yes' : 'no' };
  const outcome = await changeHost(target, 'uninstall', variables, settings, 'uninstalled', signal);
  if (outcome['present'] !== true) return { outcome: 'unchanged', detail: 'not installed' };
  return {
    outcome: 'changed',
    detail: options.purgeModels ? 'removed, models too' : 'removed; models are kept',
  };
}
