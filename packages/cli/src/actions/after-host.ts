import { CodedError } from '@mlxfleet/protocol';
import type { HostOutcome } from '../deploy-types/deploy-observer.ts';
import { deployHooks } from '../phases/deploy-hooks.ts';
import type { HostDeploy } from '../phases/deploy-state.ts';
import { errorRow } from './error-row.ts';

/** After Ctrl-C somebody waits: each on-failure hook gets this long then. */
const INTERRUPTED_LIMIT_MS = 10_000;

/**
 * Runs the hooks that follow on what became of a host: post-deploy, whose failure becomes the row's error, or on-failure,
 * whose failure is a notice. Answers the row as it is then. A dry run and `--only-stage` run neither.
 */
export async function runHooksAfter(deploy: HostDeploy, row: HostOutcome): Promise<HostOutcome> {
  const { dryRun, onlyStage } = deploy.shared.settings;
  if (dryRun || onlyStage) return row;
  if (row.outcome === 'changed') {
    try {
      await deployHooks(deploy, 'post-deploy', {
        state: `Release ${row.release ?? ''} serves and stays.`,
        hint: 'Mend the command in the inventory, and do by hand what it should have done: the next deploy finds nothing to change.',
      });
    } catch (error) {
      return { ...row, error: errorRow(error, row.name) };
    }
  } else if (row.outcome === 'failed' || row.outcome === 'rolled-back') {
    await runFailureHooks(deploy, row);
  }
  return row;
}

async function runFailureHooks(deploy: HostDeploy, { name, outcome, error }: HostOutcome): Promise<void> {
  const { signal, observer } = deploy.shared;
  // What was interrupted has ended by now; a signal that is aborted already would run no hook at all.
  const interrupted = signal.aborted
    ? { signal: new AbortController().signal, limitMs: INTERRUPTED_LIMIT_MS }
    : {};
  try {
    const failure = { outcome, code: error?.code ?? '', message: error?.message ?? '' };
    await deployHooks(deploy, 'on-failure', { failure, ...interrupted });
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause;
    observer.hostNotice(name, errorRow(cause, name).message);
  }
}
