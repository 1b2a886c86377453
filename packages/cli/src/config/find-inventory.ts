import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';

/** Where an inventory is looked for, besides what the person names. */
export interface InventorySearch {
  /** Value of `-i`. */
  readonly option: string | undefined;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The inventory of the person rather than of a folder; `XDG_CONFIG_HOME` is honoured. */
function personalInventory(env: InventorySearch['env']): string {
  const configHome = env['XDG_CONFIG_HOME'] ?? path.join(env['HOME'] ?? homedir(), '.config');
  return path.join(configHome, 'mlxfleet', 'inventory.yaml');
}

/**
 * Path of the inventory: `-i`, else `MLXFLEET_INVENTORY`, else `./inventory.yaml`, else
 * `~/.config/mlxfleet/inventory.yaml`. A file that was named is not checked here, so that reading it says what is
 * wrong with it.
 */
export function findInventory(search: InventorySearch): string {
  const named = search.option ?? search.env['MLXFLEET_INVENTORY'];
  if (named !== undefined && named !== '') return path.resolve(search.cwd, named);
  const candidates = [path.join(search.cwd, 'inventory.yaml'), personalInventory(search.env)];
  const found = candidates.find((candidate) => existsSync(candidate));
  if (found !== undefined) return found;
  throw new CodedError(
    ERRORS.INVENTORY_NOT_FOUND,
    `no inventory: neither ${candidates.join(' nor ')} exists`,
  );
}
