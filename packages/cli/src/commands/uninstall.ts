import { CodedError } from '@mlxfleet/protocol';
import { uninstallHost } from '../actions/uninstall-host.ts';
import { ERRORS } from '../errors.ts';
import { ask, canAsk } from './ask.ts';
import { changeSettings } from './change-settings.ts';
import { type CommandContext, selectionOf } from './command-context.ts';
import { onEachHost, reportActions } from './on-each-host.ts';
import { withTargets } from './with-targets.ts';

export interface UninstallOptions {
  readonly yes?: boolean;
  readonly purgeModels?: boolean;
  /** Seconds. */
  readonly waitLock?: number;
}

async function confirm(
  context: CommandContext,
  hosts: readonly string[],
  purgeModels: boolean,
): Promise<void> {
  const names = hosts.join(', ');
  if (!canAsk(context)) {
    throw new CodedError(
      ERRORS.WRONG_USAGE,
      `uninstalling from ${names} needs --yes where nobody can be asked`,
      {
        hint: 'Add --yes to confirm.',
      },
    );
  }
  const what = purgeModels ? 'mlxfleet and every model' : 'mlxfleet, keeping models,';
  const answer = await ask(context, `Remove ${what} from ${names}? [yes/no] `);
  if (!/^y(es)?$/i.test(answer)) {
    throw new CodedError(ERRORS.NOT_CONFIRMED, 'nothing was removed');
  }
}

/** `mlxfleet uninstall`. */
export async function runUninstall(
  context: CommandContext,
  names: readonly string[],
  options: UninstallOptions,
): Promise<number> {
  const selection = await selectionOf(context, names);
  const purgeModels = options.purgeModels === true;
  if (options.yes !== true) {
    await confirm(
      context,
      selection.selected.map((host) => host.name),
      purgeModels,
    );
  }
  const settings = changeSettings(context, options);
  return withTargets(context, selection, { acceptNew: false }, async (targets) => {
    const results = await onEachHost(targets, async (target) =>
      uninstallHost(target, { purgeModels }, settings, context.signal),
    );
    return reportActions(context, results);
  });
}
