import path from 'node:path';
import type { Inventory } from '@mlxfleet/protocol';
import { findInventory, type InventorySearch } from './find-inventory.ts';
import type { InventoryProblem } from './inventory-problem.ts';
import { parseInventory } from './parse-inventory.ts';
import { readInventoryFile } from './read-inventory-file.ts';

export interface LoadedInventory {
  /** Absolute path. */
  readonly file: string;
  readonly inventory: Inventory;
  /** What is valid and does nothing in this version, in the order of the file. */
  readonly warnings: readonly InventoryProblem[];
}

/** A path as it is shortest to say from a folder. */
export function displayPath(file: string, cwd: string): string {
  const relative = path.relative(cwd, file);
  return relative.startsWith('..') || path.isAbsolute(relative) ? file : relative;
}

/** Finds, reads and checks the inventory. Rejects with a CodedError of one of the INVENTORY codes. */
export async function loadInventory(search: InventorySearch): Promise<LoadedInventory> {
  const file = findInventory(search);
  const text = await readInventoryFile(file);
  const warnings: InventoryProblem[] = [];
  const inventory = parseInventory(displayPath(file, search.cwd), text, (warning) => warnings.push(warning));
  return { file, inventory, warnings };
}
