import type { Inventory, InventoryHost } from '@mlxfleet/protocol';
import type { CrossProblem } from './cross-checks.ts';
import type { Path } from './yaml-source.ts';

/**
 * What the inventory may say and this version does not do, where going on would do something else than was asked: a hook
 * that does not run, hosts that are not put back.
 */
export function* refusedInThisVersion(inventory: Inventory): Generator<CrossProblem> {
  if (inventory.rollout?.on_failure === 'revert') {
    yield {
      path: ['rollout', 'on_failure'],
      message:
        'revert is not in this version: a deploy that fails on a host stops, and the others stay as they are',
    };
  }
  for (const [event, hooks] of Object.entries(inventory.hooks ?? {})) {
    if (hooks === undefined || hooks.length === 0) continue;
    yield { path: ['hooks', event], message: 'hooks are not in this version: nothing would run them' };
  }
}

function* ofSettings({ service }: Pick<InventoryHost, 'service'>, path: Path): Generator<CrossProblem> {
  if (service !== undefined && service !== 'detached') {
    yield {
      path: [...path, 'service'],
      message: `${service} is not in this version: a deploy fails here until it is removed or set to detached`,
    };
  }
}

/** Same where everything else works: worth telling, and no reason to refuse the inventory. */
export function* warningsOfThisVersion(inventory: Inventory): Generator<CrossProblem> {
  yield* ofSettings(inventory.defaults ?? {}, ['defaults']);
  for (const [name, host] of Object.entries(inventory.hosts)) yield* ofSettings(host, ['hosts', name]);
}
