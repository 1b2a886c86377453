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

/**
 * Runs a script on a host and passes on the lines of its answer.
 * @throws CodedError SCRIPT_BROKEN when the script did not reach its end.
 */
export async function runScript(
  host: Host,
  script: RemoteScript,
  onLine: (line: string) => void,
  options: Pick<RunOptions, 'holdStdin' | 'signal' | 'onErrorLine'> = {},
): Promise<ScriptAnswer> {
  const reader = new AnswerReader(script, onLine);
  const result = await host.run(script.text, { ...options, onLine: (line) => reader.take(line) });
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
  onMessage: (message: ScriptMessage) => void,
  options: Pick<RunOptions, 'holdStdin' | 'signal'> = {},
): Promise<ScriptAnswer> {
  return runScript(
    host,
    script,
    (line) => {
      const message = parseMessage(line);
      if (message !== null) onMessage(message);
    },
    options,
  );
}
