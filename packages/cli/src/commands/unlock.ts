import { unlockHost } from '../actions/unlock-host.ts';
import { changeSettings } from './change-settings.ts';
import type { CommandContext } from './command-context.ts';
import { onEachHost, reportActions } from './on-each-host.ts';
import { withNamedTargets } from './with-targets.ts';

/** `mlxfleet unlock`. */
export async function runUnlock(
  context: CommandContext,
  names: readonly string[],
  options: { readonly force?: boolean },
): Promise<number> {
  const settings = changeSettings(context, {});
  const force = options.force === true;
  return withNamedTargets(context, names, { acceptNew: false }, async (targets) => {
    const results = await onEachHost(targets, async (target) =>
      unlockHost(target, { force }, settings, context.signal),
    );
    return reportActions(context, results);
  });
}
