import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { failureError, failureOf } from '../phases/host-failure.ts';
import { parseMessage } from '../remote-commands/message-fields.ts';
import { runScript } from '../remote-commands/run-script.ts';
import { script } from '../remote-commands/script.ts';
import type { Target } from '../deploy-types/target.ts';

export interface LogsOptions {
  /** Last lines to show; null for all. */
  readonly lines: number | null;
  /** Goes on with new lines until the signal. */
  readonly follow: boolean;
  /** Only lines that are no older, by the host's clock. */
  readonly sinceSeconds: number | null;
  /** The worker of this model instead of the agent. */
  readonly worker: string | null;
}

/**
 * Passes on the lines of a host's log as they stand there.
 * @throws CodedError NO_LOGS when there is no such log. Ends quietly when the signal aborts a follow.
 */
export async function readLogs(
  target: Target,
  options: LogsOptions,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const remote = script(['lib', 'lock', 'logs'], {
    ROOT: target.settings.root,
    WORKER: options.worker ?? '',
    LINES_WANTED: options.lines === null ? '+1' : String(options.lines),
    SINCE_SECONDS: options.sinceSeconds === null ? '' : String(Math.ceil(options.sinceSeconds)),
    FOLLOW: options.follow ? 'yes' : 'no',
  });
  // The first line is the script's own; lines of a log may look like anything.
  let first: string | null = null;
  try {
    const { exitCode } = await runScript(
      target.host,
      remote,
      (line) => {
        if (first === null) first = line;
        else onLine(line);
      },
      { holdStdin: true, signal },
    );
    if (exitCode !== 0) throw logsError(target.settings.name, first ?? '');
  } catch (error) {
    if (!(signal.aborted && options.follow)) throw error;
  }
}

function logsError(host: string, line: string): CodedError {
  const failure = failureOf(parseMessage(line) ?? {});
  if (failure === null) return new CodedError(ERRORS.SCRIPT_BROKEN, `${host}: the log could not be read`);
  return failureError(host, failure, failure.message);
}
