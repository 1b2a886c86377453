import { DEFAULTS } from '@mlxfleet/protocol';
import { rollback } from '../actions/rollback.ts';
import { changeSettings } from './change-settings.ts';
import { type CommandContext, inventoryOf, selectionOf } from './command-context.ts';
import { showRollout } from './rollout.ts';
import { withTargets } from './with-targets.ts';

export interface RollbackOptions {
  readonly to?: string;
  readonly maxParallel?: number;
  /** Seconds. */
  readonly waitLock?: number;
  readonly acceptNew?: boolean;
}

/** `mlxfleet rollback`. */
export async function runRollback(
  context: CommandContext,
  names: readonly string[],
  options: RollbackOptions,
): Promise<number> {
  context.output.startEvents();
  const { rollout } = (await inventoryOf(context)).inventory;
  const selection = await selectionOf(context, names);
  const settings = {
    ...changeSettings(context, options),
    maxParallel: options.maxParallel ?? rollout?.max_parallel ?? DEFAULTS.maxParallel,
    ...(options.to === undefined ? {} : { to: options.to }),
  };
  const shown = selection.selected.map((host) => host.name);
  return withTargets(context, selection, { acceptNew: options.acceptNew === true }, async (targets) =>
    showRollout(context, 'rollback', shown, async (observer) => ({
      document: await rollback(targets, settings, observer, context.signal),
      plan: null,
    })),
  );
}
