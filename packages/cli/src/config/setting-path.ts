import type { Inventory } from '@mlxfleet/protocol';
import type { EffectiveHost } from './effective-host.ts';
import type { Path } from './yaml-source.ts';

/** The defaults or the host, whichever says the setting. */
export function settingPath(
  inventory: Inventory,
  host: EffectiveHost,
  section: 'api' | 'admin',
  key: string,
): Path {
  const own: Record<string, unknown> | undefined = inventory.hosts[host.name]?.[section];
  if (own?.[key] !== undefined) return ['hosts', host.name, section, key];
  const shared: Record<string, unknown> | undefined = inventory.defaults?.[section];
  return shared?.[key] === undefined ? ['hosts', host.name] : ['defaults', section, key];
}
