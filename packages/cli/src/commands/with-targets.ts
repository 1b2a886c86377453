import type { Target } from '../deploy-types/target.ts';
import { type CommandContext, type OpenOptions, selectionOf, type Selection } from './command-context.ts';

/** Opens the ways to a selection of hosts for as long as the work lasts. */
export async function withTargets<T>(
  context: CommandContext,
  selection: Selection,
  options: OpenOptions,
  work: (targets: readonly Target[]) => Promise<T>,
): Promise<T> {
  const targets = await context.openTargets(selection, options);
  try {
    return await work(targets);
  } finally {
    await Promise.allSettled(targets.map(async ({ host }) => host.close()));
  }
}

/** Same for the hosts that a command's arguments name. */
export async function withNamedTargets<T>(
  context: CommandContext,
  names: readonly string[],
  options: OpenOptions,
  work: (targets: readonly Target[]) => Promise<T>,
): Promise<T> {
  return withTargets(context, await selectionOf(context, names), options, work);
}
