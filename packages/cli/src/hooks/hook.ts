import type { Inventory } from '@mlxfleet/protocol';

/** When a hook runs. */
export type HookEvent = keyof NonNullable<Inventory['hooks']>;

/** A command line that the inventory puts around a deploy. */
export interface Hook {
  /** For `/bin/sh -c`. */
  readonly run: string;
  /** On the operator's machine, or on the host that is deployed. */
  readonly on: 'local' | 'remote';
}

/** The hooks of an inventory. */
export interface Hooks {
  /** Where local hooks run: the folder of the inventory. */
  readonly folder: string;
  readonly events: Readonly<Record<HookEvent, readonly Hook[]>>;
}

/** In the order in which a deploy comes to them. */
export const HOOK_EVENTS = [
  'pre-deploy',
  'post-switch',
  'post-deploy',
  'on-failure',
] as const satisfies readonly HookEvent[];

/** Hooks of an inventory with their defaults. `folder` is where local ones run. */
export function hooksOf({ hooks = {} }: Pick<Inventory, 'hooks'>, folder: string): Hooks {
  const listed = (event: HookEvent): Hook[] =>
    (hooks[event] ?? []).map(({ run, on = 'local' }) => ({ run, on }));
  return {
    folder,
    events: {
      'pre-deploy': listed('pre-deploy'),
      'post-switch': listed('post-switch'),
      'post-deploy': listed('post-deploy'),
      'on-failure': listed('on-failure'),
    },
  };
}

/** One line for people for each hook of these events, for example `pre-deploy hook on the host: df -h`. */
export function describeHooks(hooks: Hooks, events: readonly HookEvent[]): string[] {
  return events.flatMap((event) =>
    hooks.events[event].map(
      ({ run, on }) => `${event} hook on ${on === 'local' ? 'this machine' : 'the host'}: ${run}`,
    ),
  );
}
