import type { Inventory, InventoryHost } from '@mlxfleet/protocol';

/** Settings that `defaults` and a host share, merged; what neither says is absent. */
export interface EffectiveHost extends InventoryHost {
  readonly name: string;
}

/**
 * One host with the inventory's defaults under it: `api`, `images` and `admin` are merged key by key, `env` variable by
 * variable, everything else is replaced.
 */
function effectiveHost(inventory: Inventory, name: string, host: InventoryHost): EffectiveHost {
  const defaults = inventory.defaults ?? {};
  return {
    ...defaults,
    ...host,
    name,
    api: { ...defaults.api, ...host.api },
    images: { ...defaults.images, ...host.images },
    admin: { ...defaults.admin, ...host.admin },
    env: { ...inventory.env, ...defaults.env, ...host.env },
  };
}

/** Every host of the inventory with its defaults, in the order of the file. */
export function effectiveHosts(inventory: Inventory): EffectiveHost[] {
  return Object.entries(inventory.hosts).map(([name, host]) => effectiveHost(inventory, name, host));
}

interface Selectable {
  readonly name: string;
  readonly labels?: readonly string[] | undefined;
}

/** Hosts that a list of host names and labels stands for; without a list, every one. */
export function hostsNamed<T extends Selectable>(
  hosts: readonly T[],
  namesOrLabels: readonly string[] | undefined,
): T[] {
  if (namesOrLabels === undefined) return [...hosts];
  const wanted = new Set(namesOrLabels);
  return hosts.filter((host) => wanted.has(host.name) || host.labels?.some((label) => wanted.has(label)));
}
