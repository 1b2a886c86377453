import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, type StatusDocument } from '@mlxfleet/protocol';
import { type QuestionEvents, STATUS_DEADLINE_MS, status } from '../actions/status.ts';
import type { Target } from '../deploy-types/target.ts';
import { ERRORS } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output/output.ts';
import { statusLines, statusTabSeparated } from '../output/status-table.ts';
import type { CommandContext } from './command-context.ts';
import { withNamedTargets } from './with-targets.ts';

export interface StatusOptions {
  readonly watch?: boolean;
  /** Seconds. */
  readonly timeout?: number;
}

const WATCH_INTERVAL_MS = 2000;

/** Part of a host's time that connecting may take. */
const CONNECT_SHARE = 0.6;

const CLEAR_SCREEN = '\u001B[H\u001B[J';

/** 0 when every host is healthy, 4 when none was reached, else 1. */
export function statusExitCode(document: StatusDocument): number {
  if (document.hosts.every(({ state }) => state === 'healthy')) return EXIT.done;
  return document.hosts.every(({ state }) => state === 'unreachable') ? EXIT.unreachable : EXIT.failed;
}

function statusText(output: Output, document: StatusDocument): string {
  const lines = output.isTerminal
    ? statusLines(document, output.columns, output.paint)
    : statusTabSeparated(document);
  return lines.join('\n');
}

async function watch(
  context: CommandContext,
  targets: readonly Target[],
  timeoutMs: number,
  questions: QuestionEvents,
): Promise<number> {
  const { output } = context;
  const signal = AbortSignal.any([context.signal, output.closed]);
  let exitCode: number = EXIT.done;
  while (!signal.aborted) {
    const document = await status(targets, signal, timeoutMs, questions);
    exitCode = statusExitCode(document);
    const text = statusText(output, document);
    output.print(output.isTerminal ? CLEAR_SCREEN + text : text);
    await sleep(WATCH_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  }
  return exitCode;
}

/** `mlxfleet status`. */
export async function runStatus(
  context: CommandContext,
  names: readonly string[],
  options: StatusOptions,
): Promise<number> {
  const { output, signal } = context;
  const isWatching = options.watch === true;
  if (isWatching && output.json) {
    throw new CodedError(ERRORS.WRONG_USAGE, '--watch and --json do not go together', {
      hint: 'A document ends; run `mlxfleet status --json` as often as you need it.',
    });
  }
  const timeoutMs = options.timeout === undefined ? STATUS_DEADLINE_MS : options.timeout * 1000;
  // Connecting ends first, since it knows the reason why a host does not answer.
  const connectDeadlineMs = timeoutMs * CONNECT_SHARE;
  const questions: QuestionEvents = new EventEmitter();
  const open = {
    acceptNew: false,
    connectDeadlineMs,
    onQuestion: (answer: Promise<unknown>) => void questions.emit('asked', answer),
  };
  return withNamedTargets(context, names, open, async (targets) => {
    if (isWatching) return watch(context, targets, timeoutMs, questions);
    const document = await status(targets, signal, timeoutMs, questions);
    if (output.json) output.document(document);
    else output.print(statusText(output, document));
    return statusExitCode(document);
  });
}
