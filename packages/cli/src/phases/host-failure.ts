import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { agentReason, hintOfReason, withAgentReason } from './agent-reason.ts';
import { type ScriptMessage, textField, textFieldOrNull } from '../remote-commands/message-fields.ts';

/** What a script said when it failed. */
export interface FailureMessage {
  readonly code: string;
  readonly message: string;
  readonly step: string | null;
  readonly freeBytes: number | null;
  /** Last lines of the program that failed. */
  readonly output: string;
}

/** What a script said after it went back to the last good release. */
export interface UndoneMessage {
  /** Null when there was none to go back to. */
  readonly release: string | null;
  readonly healthy: boolean;
  /** It takes requests although it is not healthy: a model does not answer. */
  readonly ready: boolean;
  /** Its agent was stopped before and is stopped again. */
  readonly stopped: boolean;
  readonly reason: string | null;
  /** Last lines of the agent that failed. */
  readonly agentLog: string;
}

export function failureOf(message: ScriptMessage): FailureMessage | null {
  if (message['event'] !== 'failed' || typeof message['code'] !== 'string') return null;
  return {
    code: message['code'],
    message: textField(message, 'message'),
    step: textFieldOrNull(message, 'step'),
    freeBytes: typeof message['freeBytes'] === 'number' ? message['freeBytes'] : null,
    output: textField(message, 'output'),
  };
}

export function undoneOf(message: ScriptMessage): UndoneMessage | null {
  if (message['event'] !== 'undone') return null;
  return {
    release: textFieldOrNull(message, 'release'),
    healthy: message['healthy'] === true,
    ready: message['ready'] === true,
    stopped: message['stopped'] === true,
    reason: textFieldOrNull(message, 'reason'),
    agentLog: textField(message, 'agentLog'),
  };
}

/** Why the health gate stayed shut, in its own words; null for every other message. */
export function gateFailureOf(message: ScriptMessage): string | null {
  const { gate } = message;
  if (typeof gate !== 'object' || gate === null) return null;
  const event: ScriptMessage = { ...gate };
  return event['event'] === 'failed' ? textFieldOrNull(event, 'message') : null;
}

/** A failure at the gate, with the gate's own reason: it knows best. */
export function withGateReason(failure: FailureMessage, reason: string | null): FailureMessage {
  if (failure.step !== 'gate' || reason === null) return failure;
  return { ...failure, message: `${failure.message}: ${reason}` };
}

/**
 * Text of an error with what a person needs to act: what failed, the last lines, and what state the host is in now.
 * `untouched` says that state when the host had nothing to put back.
 */
export function failureText(
  failure: FailureMessage,
  undone: UndoneMessage | null,
  untouched: string,
): string {
  const reason = agentReason(undone?.agentLog ?? '');
  const lines = [reason === null ? failure.message : withAgentReason(failure.message, reason)];
  const evidence = reason === null ? lastLines(failure.output, undone?.agentLog ?? '') : [];
  lines.push(...evidence.map((line) => `  | ${line}`));
  lines.push(stateSentence(undone) ?? untouched);
  return lines.join('\n');
}

function lastLines(output: string, agentLog: string): string[] {
  return `${output}\n${agentLog}`
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-20);
}

function stateSentence(undone: UndoneMessage | null): string | null {
  if (undone === null) return null;
  if (undone.release === null) return 'There was no earlier release: nothing runs on the host now.';
  if (undone.healthy && undone.stopped) {
    return `The old release ${undone.release} is current again, its agent stopped as before.`;
  }
  if (undone.healthy) return `The old release ${undone.release} is serving again.`;
  if (undone.ready) {
    return `The host takes requests: ${undone.reason ?? `${undone.release} is current again and ready`}.`;
  }
  return `The host is not serving: ${undone.reason ?? `${undone.release} does not answer`}.`;
}

/** What to do about a failed switch, by the agent's own reason; null when it gave none. */
export function failureHint(undone: UndoneMessage | null): string | null {
  const reason = agentReason(undone?.agentLog ?? '');
  return reason === null ? null : hintOfReason(reason);
}

/**
 * The error of a failed script, by the code that the script gave. A hint takes the place of that of the code; a cause is
 * what made the script fail.
 */
export function failureError(
  host: string,
  failure: FailureMessage,
  explanation: string,
  hint: string | null = null,
  cause?: unknown,
): CodedError {
  const definition = Object.values(ERRORS).find(({ code }) => code === failure.code) ?? ERRORS.SCRIPT_BROKEN;
  return new CodedError(definition, `${host}: ${explanation}`, {
    ...(hint === null ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}
