import { CodedError, type PruneDocument } from '@mlxfleet/protocol';
import { ERRORS, isUnreachable } from '../errors.ts';
import type { ChangeSettings } from '../deploy-types/deploy-settings.ts';
import type { Target } from '../deploy-types/target.ts';
import { type FailureMessage, failureError, failureOf } from '../phases/host-failure.ts';
import { RUNTIME_VERSIONS } from '../release/runtime-table.ts';
import { changeVariables } from '../remote-commands/change-variables.ts';
import { type ScriptMessage, textField } from '../remote-commands/message-fields.ts';
import { runJsonScript } from '../remote-commands/run-script.ts';
import { script } from '../remote-commands/script.ts';
import { hostScriptParts } from '../service/host-script-parts.ts';
import { errorRow } from './error-row.ts';

/** How a host is pruned. */
export interface PruneSettings extends ChangeSettings {
  /** Good releases that stay; unset takes keep_releases of the host. */
  readonly keep?: number;
  /** Staged releases go too. */
  readonly staged: boolean;
  /** Says what would go and changes nothing. */
  readonly dryRun: boolean;
}

/** Told what happens on a host while it happens. */
export interface PruneObserver {
  /** A path is gone, or would be; relative to the root. */
  removed(host: string, path: string, bytes: number): void;
  notice(host: string, text: string): void;
}

/** The row of one host in the document that `prune` prints. */
export type PruneOutcome = PruneDocument['hosts'][number];

/**
 * Removes what nothing on a host can need any more. Never rejects because of the host: its row tells. Of a host that fails
 * half-way, the row has what was removed.
 */
export async function pruneHost(
  target: Target,
  settings: PruneSettings,
  observer: PruneObserver,
  signal: AbortSignal,
): Promise<PruneOutcome> {
  const { name } = target.settings;
  const removed: string[] = [];
  let freedBytes = 0;
  try {
    await runPrune(target, settings, signal, (message) => {
      if (message['event'] === 'notice') observer.notice(name, textField(message, 'text'));
      if (message['event'] !== 'pruned') return;
      const path = textField(message, 'path');
      const bytes = typeof message['bytes'] === 'number' ? message['bytes'] : 0;
      removed.push(path);
      freedBytes += bytes;
      observer.removed(name, path, bytes);
    });
    return {
      name,
      outcome: removed.length === 0 ? 'unchanged' : 'changed',
      removed,
      freedBytes,
      error: null,
    };
  } catch (error) {
    const outcome = isUnreachable(error) ? 'unreachable' : 'failed';
    return { name, outcome, removed, freedBytes, error: errorRow(error, name) };
  }
}

async function runPrune(
  target: Target,
  settings: PruneSettings,
  signal: AbortSignal,
  onMessage: (message: ScriptMessage) => void,
): Promise<void> {
  const { name, keepReleases } = target.settings;
  const interrupted = (cause?: unknown): CodedError =>
    new CodedError(ERRORS.INTERRUPTED, `${name}: interrupted; what is left can be removed later`, { cause });
  if (signal.aborted) throw interrupted();
  const remote = script([...hostScriptParts(target.settings), 'pruning', 'prune'], {
    ...changeVariables(settings, target.settings, 'prune'),
    KEEP_RELEASES: String(settings.keep ?? keepReleases),
    PRUNE_STAGED: settings.staged ? 'yes' : 'no',
    UV_VERSION: RUNTIME_VERSIONS.uv,
    DRY_RUN: settings.dryRun ? 'yes' : 'no',
  });
  let failure: FailureMessage | null = null;
  const take = (message: ScriptMessage): void => {
    failure ??= failureOf(message);
    onMessage(message);
  };
  const answer = await runJsonScript(target.host, remote, take, { holdStdin: true, signal }).catch(
    (error: unknown) => {
      if (signal.aborted && !(error instanceof CodedError)) throw interrupted(error);
      throw error;
    },
  );
  if (failure !== null) throw failed(name, failure);
  if (answer.exitCode !== 0) {
    throw new CodedError(ERRORS.SCRIPT_BROKEN, `${name}: ${answer.stderr.trim().slice(-400)}`);
  }
}

function failed(name: string, failure: FailureMessage): CodedError {
  const lines = failure.output.split('\n').filter((line) => line.trim() !== '');
  return failureError(name, failure, [failure.message, ...lines.map((line) => `  | ${line}`)].join('\n'));
}
