import { CodedError, type DeployDocument, JSON_SCHEMA_VERSION } from '@mlxfleet/protocol';
import { ERRORS, isUnreachable } from '../errors.ts';
import { ChangeProgress } from '../phases/change-progress.ts';
import { failureError, failureHint, failureText } from '../phases/host-failure.ts';
import { changeVariables } from '../remote-commands/change-variables.ts';
import { runJsonScript } from '../remote-commands/run-script.ts';
import { script } from '../remote-commands/script.ts';
import { guardScript } from '../service/guard-script.ts';
import { hostScriptParts } from '../service/host-script-parts.ts';
import type { DeployObserver, HostOutcome } from '../deploy-types/deploy-observer.ts';
import type { RollbackSettings } from '../deploy-types/deploy-settings.ts';
import { errorRow } from './error-row.ts';
import { runParallel } from './run-parallel.ts';
import type { Target } from '../deploy-types/target.ts';

/**
 * Brings an earlier good release back: one connection and one session a host, and nothing but ssh is needed. Never
 * rejects because of a host: its row tells.
 */
export async function rollback(
  targets: readonly Target[],
  settings: RollbackSettings,
  observer: DeployObserver,
  signal: AbortSignal,
): Promise<DeployDocument> {
  const rows = new Map<string, HostOutcome>();
  await runParallel(targets, settings.maxParallel, async (target) => {
    const row = await rollbackHost(target, settings, observer, signal);
    rows.set(row.name, row);
    observer.hostOutcome(row.name, row);
  });
  return {
    schemaVersion: JSON_SCHEMA_VERSION,
    hosts: targets.flatMap(({ settings: { name } }) => rows.get(name) ?? []),
  };
}

async function rollbackHost(
  target: Target,
  settings: RollbackSettings,
  observer: DeployObserver,
  signal: AbortSignal,
): Promise<HostOutcome> {
  const { name } = target.settings;
  const began = performance.now();
  const progress = new ChangeProgress(name, observer);
  try {
    await runRollback(target, settings, progress, signal);
    progress.end();
    return {
      name,
      outcome: progress.unchanged ? 'unchanged' : 'changed',
      release: progress.target?.release ?? null,
      previous: progress.unchanged ? null : (progress.target?.previous ?? null),
      durationMs: Math.round(performance.now() - began),
      error: null,
    };
  } catch (cause) {
    return {
      name,
      outcome: isUnreachable(cause) ? 'unreachable' : 'failed',
      release: progress.undone === null ? progress.current : progress.undone.release,
      previous: null,
      durationMs: Math.round(performance.now() - began),
      error: errorRow(cause, name),
    };
  }
}

async function runRollback(
  target: Target,
  settings: RollbackSettings,
  progress: ChangeProgress,
  signal: AbortSignal,
): Promise<void> {
  const { name } = target.settings;
  const interrupted = (cause?: unknown): CodedError =>
    new CodedError(ERRORS.INTERRUPTED, `${name}: interrupted`, { cause });
  if (signal.aborted) throw interrupted();
  const smokeModel = target.settings.smokeTestModel ?? '';
  const change = changeVariables(settings, target.settings, 'rollback');
  const remote = script([...hostScriptParts(target.settings), 'rollback'], {
    ...change,
    TO: settings.to ?? '',
    SMOKE_MODEL: smokeModel,
    GUARD: guardScript(target.settings, change, smokeModel, 0),
  });
  const answer = await runJsonScript(target.host, remote, (message) => progress.take(message), {
    holdStdin: true,
    signal,
  }).catch((error: unknown) => {
    if (signal.aborted && !(error instanceof CodedError)) return error;
    throw error;
  });
  if (progress.failure !== null) {
    throw failureError(
      name,
      progress.failure,
      failureText(progress.failure, progress.undone, 'Nothing was changed on the host.'),
      failureHint(progress.undone),
    );
  }
  if (signal.aborted) throw interrupted(answer);
  if (!isAnswer(answer) || answer.exitCode !== 0) {
    const detail = isAnswer(answer) ? answer.stderr.trim().slice(-400) : String(answer);
    throw new CodedError(ERRORS.SCRIPT_BROKEN, `${name}: the rollback ended early: ${detail}`);
  }
}

function isAnswer(value: unknown): value is { exitCode: number; stderr: string } {
  return typeof value === 'object' && value !== null && 'exitCode' in value;
}
