import { DEFAULTS, JSON_SCHEMA_VERSION, type PruneDocument } from '@mlxfleet/protocol';
import {
  type PruneOutcome,
  pruneHost,
  type PruneObserver,
  type PruneSettings,
} from '../actions/prune-host.ts';
import { runParallel } from '../actions/run-parallel.ts';
import type { Target } from '../deploy-types/target.ts';
import { combinedExitCode } from '../exit-codes.ts';
import type { Output } from '../output/output.ts';
import { plainLine, plainText } from '../output/plain-text.ts';
import { printHints } from '../output/print-error.ts';
import { formatBytes } from '../output/quantities.ts';
import { evidenceLine } from '../output/rollout-summary.ts';
import { pad, textWidth } from '../output/text-width.ts';
import { changeSettings } from './change-settings.ts';
import { type CommandContext, inventoryOf, selectionOf } from './command-context.ts';
import { endOf } from './on-each-host.ts';
import { withTargets } from './with-targets.ts';

export interface PruneOptions {
  /** Good releases that stay. */
  readonly keep?: number;
  readonly staged?: boolean;
  readonly dryRun?: boolean;
  readonly maxParallel?: number;
  /** Seconds. */
  readonly waitLock?: number;
  readonly acceptNew?: boolean;
}

/** `mlxfleet prune`. */
export async function runPrune(
  context: CommandContext,
  names: readonly string[],
  options: PruneOptions,
): Promise<number> {
  const { output, signal } = context;
  output.startEvents();
  const { rollout } = (await inventoryOf(context)).inventory;
  const selection = await selectionOf(context, names);
  const settings: PruneSettings = {
    ...changeSettings(context, options),
    staged: options.staged === true,
    dryRun: options.dryRun === true,
    ...(options.keep === undefined ? {} : { keep: options.keep }),
  };
  const limit = options.maxParallel ?? rollout?.max_parallel ?? DEFAULTS.maxParallel;
  return withTargets(context, selection, { acceptNew: options.acceptNew === true }, async (targets) => {
    const rows = new Map<string, PruneOutcome>();
    await runParallel(targets, limit, async (target) => {
      rows.set(target.settings.name, await shownPrune(output, target, settings, signal));
    });
    const hosts = targets.flatMap(({ settings: { name } }) => rows.get(name) ?? []);
    const document: PruneDocument = { schemaVersion: JSON_SCHEMA_VERSION, hosts };
    if (output.json) {
      output.document(document);
    } else {
      const width = Math.max(0, ...hosts.map(({ name }) => textWidth(name)));
      for (const row of hosts) output.print(hostLines(output, row, width, settings.dryRun).join('\n'));
      printHints(output, hosts);
    }
    return combinedExitCode(hosts.map(({ error }) => endOf(error)));
  });
}

/** Prunes a host, with its events where they are asked for. */
async function shownPrune(
  output: Output,
  target: Target,
  settings: PruneSettings,
  signal: AbortSignal,
): Promise<PruneOutcome> {
  const { name } = target.settings;
  const step = (state: 'begin' | 'progress' | 'done' | 'failed', detail: string): void => {
    if (output.json) output.event({ event: 'step', host: name, step: 'prune', state, detail });
  };
  const observer: PruneObserver = {
    removed: (_host, path, bytes) => step('progress', `${plainLine(path)}, ${formatBytes(bytes)}`),
    notice: (host, text) => {
      if (output.json) output.event({ event: 'notice', host, text });
      else output.notice(`${host}: ${plainLine(text)}`);
    },
  };
  step('begin', '');
  const row = await pruneHost(target, settings, observer, signal);
  const { outcome, error } = row;
  step(error === null ? 'done' : 'failed', plainLine(error?.message ?? pruneText(row, settings.dryRun)));
  if (output.json) output.event({ event: 'outcome', host: name, outcome, error });
  return row;
}

/** For example `1.2 GB freed`. */
function pruneText({ removed, freedBytes }: PruneOutcome, dryRun: boolean): string {
  if (removed.length === 0) return 'nothing to remove';
  return dryRun ? `would free ${formatBytes(freedBytes)}` : `${formatBytes(freedBytes)} freed`;
}

function hostLines(output: Output, row: PruneOutcome, width: number, dryRun: boolean): string[] {
  const { name, removed, error } = row;
  const indent = ' '.repeat(width + 5);
  const paths = removed.map((path) => `${indent}${plainLine(path)}`);
  const mark = (text: string): string => ` ${pad(name, width)}  ${text}`;
  if (error === null) {
    return [mark(`${output.paint('green', '✔')} ${pruneText(row, dryRun)}`), ...paths];
  }
  const [first = '', ...rest] = plainText(error.message).trimEnd().split('\n');
  return [
    mark(`${output.paint('red', '✖')} ${first}`),
    ...rest.map((line) => `${indent}${evidenceLine(line, output.paint)}`),
    ...(removed.length === 0 ? [] : [`${indent}${pruneText(row, dryRun)} before that:`, ...paths]),
  ];
}
