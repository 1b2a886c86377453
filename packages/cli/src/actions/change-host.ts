import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { agentReason, hintOfReason, lastWords, withAgentReason } from '../phases/agent-reason.ts';
import {
  failureError,
  type FailureMessage,
  failureOf,
  gateFailureOf,
  withGateReason,
} from '../phases/host-failure.ts';
import { changeVariables } from '../remote-commands/change-variables.ts';
import type { ScriptMessage } from '../remote-commands/message-fields.ts';
import { runJsonScript } from '../remote-commands/run-script.ts';
import { script, type ScriptPart } from '../remote-commands/script.ts';
import { hostScriptParts } from '../service/host-script-parts.ts';
import type { ChangeSettings } from '../deploy-types/deploy-settings.ts';
import type { Target } from '../deploy-types/target.ts';

/**
 * Runs a small script that changes one host under its lock, and returns the event that it ends with.
 * @throws CodedError the one that the script names.
 */
export async function changeHost(
  target: Target,
  part: ScriptPart,
  variables: Readonly<Record<string, string>>,
  settings: ChangeSettings,
  event: string,
  signal: AbortSignal,
): Promise<ScriptMessage> {
  const { name } = target.settings;
  let failure: FailureMessage | null = null;
  let gateReason: string | null = null;
  let outcome: ScriptMessage | null = null;
  const remote = script([...hostScriptParts(target.settings), part], {
    ...changeVariables(settings, target.settings, variables['ACTION'] ?? part),
    ...variables,
  });
  const answer = await runJsonScript(
    target.host,
    remote,
    (message) => {
      // What an earlier look through the gate said explains nothing now.
      if (message['step'] === 'gate' && message['state'] === 'begin') gateReason = null;
      gateReason ??= gateFailureOf(message);
      failure ??= failureOf(message);
      if (message['event'] === event) outcome = message;
    },
    { holdStdin: true, signal },
  );
  if (failure !== null) throw actionError(name, failure, gateReason);
  if (outcome === null) {
    throw new CodedError(ERRORS.SCRIPT_BROKEN, `${name}: ${answer.stderr.trim().slice(-400)}`);
  }
  return outcome;
}

/** The agent's own reason says it all; without one, its last words have to do. */
function actionError(host: string, failure: FailureMessage, gateReason: string | null): CodedError {
  const reason = agentReason(failure.output);
  if (reason !== null) {
    return failureError(host, failure, withAgentReason(failure.message, reason), hintOfReason(reason));
  }
  const lines = lastWords(failure.output).map((line) => `  | ${line}`);
  return failureError(host, failure, [withGateReason(failure, gateReason).message, ...lines].join('\n'));
}
