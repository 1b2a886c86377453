import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import type { Host, RunOptions } from '../hosts/host.ts';
import { AnswerReader } from './answer-reader.ts';
import { parseMessage, type ScriptMessage } from './message-fields.ts';
import type { RemoteScript } from './script.ts';

export interface ScriptAnswer {
  readonly exitCode: number;
  readonly stderr: string;
}

/** Writes a line to the stdin of a script that is running. */
export type Say = (line: string) => void;

interface ScriptOptions extends Pick<RunOptions, 'holdStdin' | 'signal' | 'onErrorLine'> {
  /** Runs it over a connection made for it alone. */
  readonly anew?: boolean;
}

/** Until the script has said its first line there is nothing to answer. */
function sayNothing(): void {
  // Nobody listens yet.
}

/**
 * Runs a script on a host and passes on the lines of its answer.
 * @throws CodedError SCRIPT_BROKEN when the script did not reach its end.
 */
export async function runScript(
  host: Host,
  script: RemoteScript,
  onLine: (line: string, say: Say) => void,
  { anew = false, ...options }: ScriptOptions = {},
): Promise<ScriptAnswer> {
  let say: Say = sayNothing;
  const reader = new AnswerReader(script, (line) => onLine(line, say));
  const reading: RunOptions = {
    ...options,
    onLine: (line, sayToScript) => {
      say = sayToScript;
      reader.take(line);
    },
  };
  const result = anew ? await host.runAnew(script.text, reading) : await host.run(script.text, reading);
  if (reader.exitCode === null) {
    const last = `${result.stdout}\n${result.stderr}`.split('\n').filter((line) => line.trim() !== '');
    throw new CodedError(
      ERRORS.SCRIPT_BROKEN,
      `${host.name}: the script ended early with exit code ${String(result.exitCode)}: ${last.slice(-5).join(' | ')}`,
    );
  }
  return { exitCode: reader.exitCode, stderr: result.stderr };
}

/** Same for scripts that answer in JSON lines; a line that is no JSON object is dropped. */
export async function runJsonScript(
  host: Host,
  script: RemoteScript,
  onMessage: (message: ScriptMessage, say: Say) => void,
  options: ScriptOptions = {},
): Promise<ScriptAnswer> {
  return runScript(
    host,
    script,
    (line, say) => {
      const message = parseMessage(line);
      if (message !== null) onMessage(message, say);
    },
    options,
  );
}
