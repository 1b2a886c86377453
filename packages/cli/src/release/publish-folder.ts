import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder of the cache that appears complete or not at all: it is built beside and renamed. Of two commands that
 * build the same at once, one wins and both use its folder.
 */
export async function publishFolder(path: string, build: (folder: string) => Promise<void>): Promise<string> {
  if (await exists(path)) return path;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const partial = await mkdtemp(`${path}.partial-`);
  try {
    await build(partial);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    if (!(await exists(path))) throw error;
  }
  return path;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
