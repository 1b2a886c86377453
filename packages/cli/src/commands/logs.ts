import { CodedError, JSON_SCHEMA_VERSION, type LogsDocument } from '@mlxfleet/protocol';
import { readLogs } from '../actions/read-logs.ts';
import { ERRORS } from '../errors.ts';
import { logLine } from '../output/log-line.ts';
import { plainText } from '../output/plain-text.ts';
import { type CommandContext, selectionOf } from './command-context.ts';
import { HostPrefix } from './host-prefix.ts';
import { errorField, exitCodeOfResults, onEachHost, reportErrors } from './on-each-host.ts';
import { withTargets } from './with-targets.ts';

export interface LogsOptions {
  readonly follow?: boolean;
  readonly lines: number;
  /** Seconds. */
  readonly since?: number;
  readonly worker?: string;
}

/** `mlxfleet logs`. */
export async function runLogs(
  context: CommandContext,
  names: readonly string[],
  options: LogsOptions,
): Promise<number> {
  const { output } = context;
  const follow = options.follow === true;
  if (follow && output.json) {
    throw new CodedError(ERRORS.WRONG_USAGE, '--follow and --json do not go together', {
      hint: 'A document ends; leave out one of the two.',
    });
  }
  const signal = AbortSignal.any([context.signal, output.closed]);
  const wanted = {
    lines: options.lines,
    follow,
    sinceSeconds: options.since ?? null,
    worker: options.worker ?? null,
  };
  // A program that reads gets the agent's own JSON.
  const readable = (line: string): string =>
    output.isTerminal ? logLine(line, output.paint) : plainText(line);
  const selection = await selectionOf(context, names);
  const prefix = new HostPrefix(
    selection.selected.map((host) => host.name),
    output.paint,
  );
  return withTargets(context, selection, { acceptNew: false }, async (targets) => {
    const results = await onEachHost(targets, async (target) => {
      const { name } = target.settings;
      const lines: string[] = [];
      await readLogs(
        target,
        wanted,
        (line) => {
          if (output.json) lines.push(line);
          else output.print(prefix.line(name, readable(line)));
        },
        signal,
      );
      return lines;
    });
    if (output.json) {
      const document: LogsDocument = {
        schemaVersion: JSON_SCHEMA_VERSION,
        hosts: results.map((result) => ({
          name: result.name,
          lines: result.value ?? [],
          error: errorField(result),
        })),
      };
      output.document(document);
    }
    reportErrors(context, results);
    return exitCodeOfResults(results);
  });
}
