import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS, isUnreachable } from '../errors.ts';
import { runJsonScript } from '../remote-commands/run-script.ts';
import { script } from '../remote-commands/script.ts';
import type { Target } from '../deploy-types/target.ts';
import { type FailureMessage, failureError, failureOf } from './host-failure.ts';

/** How long a release that has passed its gate waits to be confirmed, before the host undoes it: 45 s. */
export const CONFIRM_SECONDS = 45;

/** A connection that fails is tried again as long as another one may still be made and used in time. */
const LAST_TRY_MS = (CONFIRM_SECONDS - 15) * 1000;
const PAUSE_MS = 1000;

/**
 * Tells a host that its new release may stay, over a connection of its own: one that is made after the switch shows that
 * the host still lets one in.
 * @throws CodedError SWITCH_NOT_CONFIRMED when the host has gone back already, and whatever keeps one from connecting.
 */
export async function confirmSwitch(target: Target, changeId: string, signal: AbortSignal): Promise<void> {
  const begun = performance.now();
  for (;;) {
    try {
      return await confirmOnce(target, changeId, signal);
    } catch (error) {
      if (!isUnreachable(error) || performance.now() - begun > LAST_TRY_MS) throw error;
    }
    await sleep(PAUSE_MS, undefined, { signal });
  }
}

async function confirmOnce(target: Target, changeId: string, signal: AbortSignal): Promise<void> {
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
