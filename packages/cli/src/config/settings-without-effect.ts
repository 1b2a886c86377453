import type { Inventory } from '@mlxfleet/protocol';
import type { CrossProblem } from './cross-checks.ts';
import { effectiveHosts } from './effective-host.ts';

/**
 * What a host says of itself and nothing there looks at. Of `defaults` it is no mistake: they are for those hosts that have
 * a use for them.
 */
export function* settingsWithoutEffect(inventory: Inventory): Generator<CrossProblem> {
  for (const { name, vision } of effectiveHosts(inventory)) {
    const own = inventory.hosts[name]?.images;
    if (vision === true || own === undefined || Object.keys(own).length === 0) continue;
    yield {
      path: ['hosts', name, 'images'],
      message: 'has no effect without vision: true: no model is shown images on this host',
    };
  }
}
