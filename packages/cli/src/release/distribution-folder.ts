import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let found: string | undefined;

/**
 * The folder that holds this version of mlxfleet: the checkout, or a copy of its built parts. It is looked for upwards
 * from this file, never from the working directory, so that each copy sends its own scripts and its own agent.
 */
export function distributionFolder(): string {
  if (found !== undefined) return found;
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'packages/cli/remote/lib.sh'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no packages/cli/remote above ${fileURLToPath(import.meta.url)}`);
    folder = parent;
  }
  found = folder;
  return folder;
}
