import { changeHost } from './change-host.ts';
import { textField } from '../remote-commands/message-fields.ts';
import type { ChangeSettings } from '../deploy-types/deploy-settings.ts';
import type { HostAction } from './host-action.ts';
import type { Target } from '../deploy-types/target.ts';

/**
 * Removes the lock of a command that is gone, and tells whose it was.
 * @throws CodedError LOCK_HELD when its holder is alive and `force` is not set.
 */
export async function unlockHost(
  target: Target,
  options: { readonly force: boolean },
  settings: ChangeSettings,
  signal: AbortSignal,
): Promise<HostAction> {
  const variables = { FORCE: options.force ? 'yes' : 'no' };
  const outcome = await changeHost(target, 'unlock', variables, settings, 'unlocked', signal);
  if (outcome['holder'] === null) return { outcome: 'unchanged', detail: 'no lock' };
  const age = typeof outcome['ageSeconds'] === 'number' ? ` since ${String(outcome['ageSeconds'])} s` : '';
  return {
    outcome: 'changed',
    detail: `removed the lock of ${textField(outcome, 'holder')} (${textField(outcome, 'command')})${age}`,
  };
}
