import { changeHost } from './change-host.ts';
import type { ChangeSettings } from '../deploy-types/deploy-settings.ts';
import type { HostAction } from './host-action.ts';
import type { Target } from '../deploy-types/target.ts';

export type ServiceAction = 'start' | 'stop' | 'restart';

/** Starts, stops or restarts the agent of one host; a start ends when the agent can serve. */
export async function changeService(
  target: Target,
  action: ServiceAction,
  settings: ChangeSettings,
  signal: AbortSignal,
): Promise<HostAction> {
  const { before, after } = await changeHost(
    target,
    'service',
    { ACTION: action },
    settings,
    'service',
    signal,
  );
  const detail = after === 'running' ? (action === 'restart' ? 'restarted' : 'running') : 'stopped';
  const isUnchanged = action !== 'restart' && before === after;
  return isUnchanged
    ? { outcome: 'unchanged', detail: `${detail} already` }
    : { outcome: 'changed', detail: action === 'start' ? 'started' : detail };
}
