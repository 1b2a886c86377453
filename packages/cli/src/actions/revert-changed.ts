import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import type { HostOutcome } from '../deploy-types/deploy-observer.ts';
import type { HostDeploy } from '../phases/deploy-state.ts';
import { runHooksAfter } from './after-host.ts';
import { errorRow } from './error-row.ts';
import { rollback } from './rollback.ts';
import { runParallel } from './run-parallel.ts';

/** A host that the roll-out has changed, with the row that said so. */
export interface ChangedHost {
  readonly deploy: HostDeploy;
  readonly row: HostOutcome;
}

/**
 * Takes each host that a failed roll-out has changed back to the release it had before, side by side as they were
 * deployed, and reports its new row. One without another release before stays, and is told. `failed` names the hosts that
 * failed.
 */
export async function revertChanged(
  changed: readonly ChangedHost[],
  failed: readonly string[],
  report: (row: HostOutcome) => void,
): Promise<void> {
  const limit = changed[0]?.deploy.shared.settings.maxParallel ?? 1;
  const why = `${failed.join(', ')} failed`;
  await runParallel(changed, limit, async ({ deploy, row }) => {
    const reverted = await revertHost(deploy, row, why);
    if (reverted !== null) report(reverted);
  });
}

/** The row of a host after it went back; null for one that stays. */
async function revertHost(deploy: HostDeploy, row: HostOutcome, why: string): Promise<HostOutcome | null> {
  const { target, shared } = deploy;
  const { name, previous } = row;
  if (previous === null || previous === row.release) {
    const reason =
      previous === null ? 'there is no release before it' : 'its configuration is all that was changed';
    shared.observer.hostNotice(name, `${why}; this host stays with ${row.release ?? ''}: ${reason}`);
    return null;
  }
  shared.observer.hostNotice(name, `${why}; going back to ${previous}`);
  const { hosts } = await rollback(
    [target],
    { ...shared.settings, to: previous },
    // The row that counts is the one of the deploy.
    {
      hostStep: (...step) => shared.observer.hostStep(...step),
      hostNotice: (...notice) => shared.observer.hostNotice(...notice),
      hostOutcome: () => undefined,
    },
    shared.signal,
  );
  const [back] = hosts;
  if (back === undefined) throw new Error('a rollback without a row');
  const durationMs = row.durationMs + back.durationMs;
  if (back.error !== null) {
    const message = `${why}, and this host could not go back to ${previous}: ${back.error.message}`;
    const release = back.release ?? row.release;
    return {
      name,
      outcome: 'failed',
      release,
      previous: null,
      durationMs,
      error: { ...back.error, message },
    };
  }
  const error = new CodedError(
    ERRORS.ROLLED_BACK_WITH_OTHERS,
    `${name}: ${why}, so this host went back to ${previous}`,
  );
  const reverted: HostOutcome = {
    name,
    outcome: 'rolled-back',
    release: previous,
    previous: null,
    durationMs,
    error: errorRow(error, name),
  };
  return runHooksAfter(deploy, reverted);
}
