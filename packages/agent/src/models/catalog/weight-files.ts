import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { readWeightIndex } from './weight-index.ts';

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
  const index = await readWeightIndex(folder);
  if (index !== null) {
    return Object.values(index).every((name) => typeof name === 'string' && present.has(name));
  }
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
