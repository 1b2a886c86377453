import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Makes a folder of the cache that appears complete or not at all: it is built beside and renamed. Of two commands that
 * build the same at once, one wins and both use its folder.
 */
export async function publishFolder(path: string, build: (folder: string) => Promise<void>): Promise<string> {
  if (await exists(path)) return path;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const partial = await mkdtemp(`${path}.partial-`);
  await removeAbandoned(dirname(path));
  try {
    await build(partial);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    if (!(await exists(path))) throw error;
  }
  return path;
}

/** Nobody builds for a day: what is older was left by a command that was killed. */
const ABANDONED_MS = 86_400_000;

const PARTIAL = /\.partial-\w+$/;

async function removeAbandoned(folder: string): Promise<void> {
  for (const { path, modifiedMs } of await foldersOf(folder)) {
    if (PARTIAL.test(path) && Date.now() - modifiedMs > ABANDONED_MS) await remove(path);
  }
}

/** Keeps the newest complete folders of a part of the cache, by when they were made, and removes the others. */
export async function keepNewest(folder: string, count: number): Promise<void> {
  const complete = (await foldersOf(folder)).filter(({ path }) => !PARTIAL.test(path));
  const newestFirst = complete.toSorted((left, right) => right.modifiedMs - left.modifiedMs);
  for (const { path } of newestFirst.slice(count)) await remove(path);
}

async function foldersOf(folder: string): Promise<{ path: string; modifiedMs: number }[]> {
  const names = await readdir(folder);
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      // Another command may have removed it meanwhile.
      const seen = await stat(path).catch(() => null);
      return seen === null ? [] : [{ path, modifiedMs: seen.mtimeMs }];
    }),
  );
  return found.flat();
}

/** What cannot be removed costs disk space and fails nothing. */
async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => undefined);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
