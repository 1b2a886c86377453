import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { runJsonScript } from '../remote-commands/run-script.ts';
import { script } from '../remote-commands/script.ts';
import type { Target } from '../deploy-types/target.ts';
import { type FailureMessage, failureError, failureOf } from './host-failure.ts';

/**
 * Tells a host that its new release may stay, over a connection of its own: one that is made after the switch shows that
 * the host still lets one in.
 * @throws CodedError SWITCH_NOT_CONFIRMED when the host has gone back already, and whatever keeps one from connecting.
 */
export async function confirmSwitch(target: Target, changeId: string, signal: AbortSignal): Promise<void> {
  const { settings, host } = target;
  const remote = script(['lib', 'pending', 'confirm'], { ROOT: settings.root, CONFIRM: changeId });
  let failure: FailureMessage | null = null;
  let isConfirmed = false;
  await runJsonScript(
    host,
    remote,
    (message) => {
      failure ??= failureOf(message);
      isConfirmed ||= message['event'] === 'confirmed';
    },
    { anew: true, signal },
  );
  if (failure !== null) throw failureError(settings.name, failure, 'the host has gone back already');
  if (!isConfirmed)
    throw new CodedError(ERRORS.SWITCH_NOT_CONFIRMED, `${settings.name}: the host did not answer`);
}
