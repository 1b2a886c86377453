import { hostname, userInfo } from 'node:os';
import type { ChangeSettings, Operator } from '../deploy-types/deploy-settings.ts';
import type { CommandContext } from './command-context.ts';

/** The person at this machine, as hosts record who changed them. */
function operatorOf(context: CommandContext): Operator {
  let user = context.env['USER'] ?? 'unknown';
  try {
    user = userInfo().username;
  } catch {
    // An account without an entry in the user database keeps what the environment says.
  }
  return {
    name: `${user}@${hostname()}`,
    pid: process.pid,
    parentChange: context.env['MLXFLEET_CHANGE_ID'] ?? null,
  };
}

/** How commands that change hosts sign and wait. */
export function changeSettings(
  context: CommandContext,
  options: { readonly waitLock?: number },
): ChangeSettings {
  return { operator: operatorOf(context), waitLockSeconds: options.waitLock ?? 0 };
}
