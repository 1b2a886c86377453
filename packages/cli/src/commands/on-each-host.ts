import { CodedError, type HostActionDocument, JSON_SCHEMA_VERSION } from '@mlxfleet/protocol';
import { type ErrorRow, errorRow } from '../actions/error-row.ts';
import { isUnreachable, isUnreachableCode } from '../errors.ts';
import type { HostAction } from '../actions/host-action.ts';
import type { Target } from '../deploy-types/target.ts';
import { combinedExitCode, type HostEnd } from '../exit-codes.ts';
import type { Output } from '../output/output.ts';
import { plainLine, plainText } from '../output/plain-text.ts';
import { printError, printHints } from '../output/print-error.ts';
import { evidenceLine } from '../output/rollout-summary.ts';
import { pad, textWidth } from '../output/text-width.ts';
import type { CommandContext } from './command-context.ts';

/** What became of one host: a value, or the expected error that took its place. */
export type HostResult<T> =
  | { readonly name: string; readonly value: T; readonly error: null }
  | { readonly name: string; readonly value: null; readonly error: CodedError };

/**
 * Does the same on every host at once. Expected errors stay with their host; unexpected ones, and Ctrl-C, end the whole
 * once every host is done.
 */
export async function onEachHost<T>(
  targets: readonly Target[],
  work: (target: Target) => Promise<T>,
): Promise<HostResult<T>[]> {
  const settled = await Promise.allSettled(targets.map(work));
  return settled.map((result, index): HostResult<T> => {
    const name = targets[index]?.settings.name ?? '';
    if (result.status === 'fulfilled') return { name, value: result.value, error: null };
    const reason: unknown = result.reason;
    if (reason instanceof CodedError) return { name, value: null, error: reason };
    throw reason;
  });
}

/** A result's error as the documents of `--json` carry it. */
export function errorField(result: HostResult<unknown>): ErrorRow | null {
  return result.error === null ? null : errorRow(result.error, result.name);
}

/** How a command ended on a host, by its error. */
export function endOf(error: { readonly code: string } | null): HostEnd {
  return {
    failed: error !== null,
    unreachable: error !== null && isUnreachableCode(error.code),
    code: error?.code ?? null,
  };
}

/** Prints the errors of hosts whose results do not show them. */
export function reportErrors(context: CommandContext, results: readonly HostResult<unknown>[]): void {
  for (const { error } of results) {
    if (error !== null) printError(context.output, error, { verbose: context.options.verbose === true });
  }
}

export function exitCodeOfResults(results: readonly HostResult<unknown>[]): number {
  return combinedExitCode(results.map(({ error }) => endOf(error)));
}

function hostLine(output: Output, result: HostResult<HostAction>, width: number): string {
  const name = pad(result.name, width);
  if (result.error !== null) {
    const [first = '', ...rest] = plainText(errorRow(result.error, result.name).message)
      .trimEnd()
      .split('\n');
    const indent = ' '.repeat(width + 3);
    const more = rest.map((line) => `\n${indent}${evidenceLine(line, output.paint)}`);
    return ` ${name}  ${output.paint('red', '✖')} ${first}${more.join('')}`;
  }
  const mark = output.paint('green', '✔');
  return ` ${name}  ${mark} ${plainLine(result.value.detail)}`;
}

/** Prints the result of a command that does one thing to each host, and answers the exit code. */
export function reportActions(context: CommandContext, results: readonly HostResult<HostAction>[]): number {
  const { output } = context;
  const document: HostActionDocument = {
    schemaVersion: JSON_SCHEMA_VERSION,
    hosts: results.map((result) => {
      const { name, value, error } = result;
      return {
        name,
        outcome: value?.outcome ?? (isUnreachable(error) ? 'unreachable' : 'failed'),
        detail: value?.detail ?? '',
        error: errorField(result),
      };
    }),
  };
  if (output.json) {
    output.document(document);
  } else {
    const width = Math.max(0, ...results.map(({ name }) => textWidth(name)));
    for (const result of results) output.print(hostLine(output, result, width));
  }
  // The rows told what happened; what to do about it is left.
  if (output.json || context.options.verbose === true) reportErrors(context, results);
  else printHints(output, document.hosts);
  return exitCodeOfResults(results);
}
