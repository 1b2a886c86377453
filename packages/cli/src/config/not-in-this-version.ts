import type { Inventory, InventoryHost } from '@mlxfleet/protocol';
import type { CrossProblem } from './cross-checks.ts';
import type { Path } from './yaml-source.ts';

function* ofSettings({ service }: Pick<InventoryHost, 'service'>, path: Path): Generator<CrossProblem> {
  if (service !== undefined && service !== 'detached') {
    yield {
      path: [...path, 'service'],
      message: `${service} is not in this version: a deploy fails here until it is removed or set to detached`,
    };
  }
}

/**
 * What the inventory may say and this version does not do, where everything else works: worth telling, and no reason to
 * refuse the inventory.
 */
export function* warningsOfThisVersion(inventory: Inventory): Generator<CrossProblem> {
  yield* ofSettings(inventory.defaults ?? {}, ['defaults']);
  for (const [name, host] of Object.entries(inventory.hosts)) yield* ofSettings(host, ['hosts', name]);
}
