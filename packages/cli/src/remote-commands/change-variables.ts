import { randomBytes } from 'node:crypto';
import type { ChangeSettings } from '../deploy-types/deploy-settings.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';

/** How long the health gate waits for the agent and its completion, a model's load included: 10 minutes. */
const GATE_SECONDS = 600;

/** How long a stop may take beyond the time that running requests get, before it turns to force. */
const STOP_MARGIN_SECONDS = 10;

/** Name of one change of one host, in its lock, journal and pending file. */
export function newChangeId(): string {
  return randomBytes(8).toString('hex');
}

/** Seconds after which a stop of the agent turns to force. */
function stopSeconds(host: ResolvedHost): number {
  return Math.ceil(host.agentConfig.drain_seconds) + STOP_MARGIN_SECONDS;
}

/** Longest time that a switch, a gate and a way back may take, each with a margin: then a change hangs. */
export function changeSeconds(host: ResolvedHost): number {
  return 2 * (stopSeconds(host) + GATE_SECONDS + 60);
}

/** Values that every script takes which changes a host. */
export function changeVariables(
  change: ChangeSettings,
  host: ResolvedHost,
  command: string,
  changeId: string = newChangeId(),
): Readonly<Record<string, string>> {
  const { operator, waitLockSeconds } = change;
  return {
    ROOT: host.root,
    CHANGE_ID: changeId,
    // Stands on a line of its own in records and in the audit log.
    OPERATOR: operator.name.replaceAll(/\s+/g, '-'),
    OPERATOR_PID: String(operator.pid),
    PARENT_CHANGE: operator.parentChange ?? '',
    COMMAND: command,
    WAIT_LOCK: String(waitLockSeconds),
    GATE_SECONDS: String(GATE_SECONDS),
    SERVICE_STOP_SECONDS: String(stopSeconds(host)),
  };
}
