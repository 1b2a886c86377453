import { randomBytes } from 'node:crypto';
import type { ChangeSettings } from '../deploy-types/deploy-settings.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';

/** How long the health gate waits for the agent and its completion, a model's load included: 10 minutes. */
const GATE_SECONDS = 600;

/** How long a stop may take beyond the time that running requests get, before it turns to force. */
const STOP_MARGIN_SECONDS = 10;

/** Values that every script takes which changes a host. */
export function changeVariables(
  change: ChangeSettings,
  host: ResolvedHost,
  command: string,
): Readonly<Record<string, string>> {
  return {
    ROOT: host.root,
    CHANGE_ID: randomBytes(8).toString('hex'),
    // Stands on a line of its own in records and in the audit log.
    OPERATOR: change.operator.name.replaceAll(/\s+/g, '-'),
    OPERATOR_PID: String(change.operator.pid),
    COMMAND: command,
    WAIT_LOCK: String(change.waitLockSeconds),
    GATE_SECONDS: String(GATE_SECONDS),
    SERVICE_STOP_SECONDS: String(Math.ceil(host.agentConfig.drain_seconds) + STOP_MARGIN_SECONDS),
  };
}
