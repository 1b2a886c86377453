import { changeService, type ServiceAction } from '../actions/change-service.ts';
import { changeSettings } from './change-settings.ts';
import type { CommandContext } from './command-context.ts';
import { onEachHost, reportActions } from './on-each-host.ts';
import { withNamedTargets } from './with-targets.ts';

/** `mlxfleet start`, `stop` and `restart`. */
export async function runService(
  context: CommandContext,
  action: ServiceAction,
  names: readonly string[],
  options: { readonly waitLock?: number },
): Promise<number> {
  const settings = changeSettings(context, options);
  return withNamedTargets(context, names, { acceptNew: false }, async (targets) => {
    const results = await onEachHost(targets, async (target) =>
      changeService(target, action, settings, context.signal),
    );
    return reportActions(context, results);
  });
}
