import type { ResolvedHost } from '../config/resolved-host.ts';
import { changeSeconds } from '../remote-commands/change-variables.ts';
import { script } from '../remote-commands/script.ts';
import { hostScriptParts } from './host-script-parts.ts';

/** How long the guard waits for the lock of another command: an hour, and that command settles the change first. */
const GUARD_WAIT_LOCK_SECONDS = 3600;

/**
 * Text of the script that undoes a change on the host when its own script has died. It stays on the host as long as nothing
 * else is deployed, so nothing secret may stand in it.
 * @param change the variables of the change that it guards
 * @param confirmSeconds how long that change waits to be confirmed
 */
export function guardScript(
  host: ResolvedHost,
  change: Readonly<Record<string, string>>,
  smokeModel: string,
  confirmSeconds: number,
): string {
  return script([...hostScriptParts(host), 'guard'], {
    ...change,
    WAIT_LOCK: String(GUARD_WAIT_LOCK_SECONDS),
    SMOKE_MODEL: smokeModel,
    GUARD_SECONDS: String(changeSeconds(host) + confirmSeconds),
  }).text;
}
