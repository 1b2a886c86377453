import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';

const INDEX = 'model.safetensors.index.json';
/** A part of a model that says of how many parts it is one. */
const SHARD = /-\d+-of-(\d+)\.safetensors$/;

/** Bytes of a model's weights; 0 when they cannot be told. */
export async function weightBytes(folder: string): Promise<number> {
  const sizes = await weightSizes(folder);
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/**
 * Whether the weights are all there: every file that the index names; without an index as many parts as the name of
 * one of them says, or one file.
 */
export async function holdsAllWeights(folder: string): Promise<boolean> {
  const present = await weightSizes(folder);
  if (present.size === 0) return false;
  const named = await indexedFiles(folder);
  if (named !== null) return [...named].every((name) => typeof name === 'string' && present.has(name));
  const shards = [...present.keys()]
    .map((name) => SHARD.exec(name)?.[1])
    .filter((count) => count !== undefined);
  return shards.length === 0 || shards.length === Number(shards[0]);
}

/** Size of each weights file. A link of a cache whose file is not there yet is no file. */
async function weightSizes(folder: string): Promise<Map<string, number>> {
  const files = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.safetensors'));
  const sizes = new Map<string, number>();
  await Promise.all(
    files.map(async (name) => {
      const found = await stat(path.join(folder, name)).catch(() => null);
      if (found?.isFile() === true) sizes.set(name, found.size);
    }),
  );
  return sizes;
}

/** The weights files that the index names; null without an index, or with one that is none. */
async function indexedFiles(folder: string): Promise<Set<unknown> | null> {
  try {
    const index: unknown = JSON.parse(await readFile(path.join(folder, INDEX), 'utf8'));
    const map = isObject(index) ? index['weight_map'] : null;
    return isObject(map) ? new Set(Object.values(map)) : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
