import { createHash } from 'node:crypto';
import { readdir, rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { PrefixCacheSettings } from '@mlxfleet/protocol';
import { diskBytes } from '../catalog/disk-bytes.ts';
import { fileNameOf } from '../catalog/model-id.ts';

/** With less free space than this, prefixes are kept in memory only: a small disk has better uses. */
const SMALL_DISK_BYTES = 20e9;
const SHARE_OF_FREE = 0.05;
const LARGEST_BYTES = 8e9;

/**
 * Bytes of disk that one model's prefixes may take, where the configuration leaves it open. What they take already counts as
 * free, since they may stay: otherwise each start would allow less than the one before.
 */
export function defaultDiskBytes(freeBytes: number, ownBytes: number): number {
  const free = freeBytes + ownBytes;
  return free < SMALL_DISK_BYTES ? 0 : Math.floor(Math.min(LARGEST_BYTES, free * SHARE_OF_FREE));
}

/** The folder where workers keep prefixes beyond their end, one folder for each model. */
export class PrefixDisk {
  readonly #folder: string;

  /** Absolute. It need not exist. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * What the worker of a model is told. Where nothing may be kept, what is left of earlier times is removed.
   * @param configured bytes; null takes the default.
   */
  async settings(id: string, configured: number | null): Promise<Omit<PrefixCacheSettings, 'memory_bytes'>> {
    const folder = this.#folderOf(id);
    const bytes = configured ?? defaultDiskBytes(await freeSpace(this.#folder), await diskBytes(folder));
    if (bytes > 0) return { disk_path: folder, disk_bytes: bytes };
    await rm(folder, { recursive: true, force: true });
    return { disk_path: null, disk_bytes: 0 };
  }

  /** Removes what was kept of models that are not on this host any more. Before any worker starts. */
  async removeOthers(ids: readonly string[]): Promise<void> {
    const known = new Set(ids.map((id) => path.basename(this.#folderOf(id))));
    const names = await readdir(this.#folder).catch(() => []);
    const others = names.filter((name) => !known.has(name));
    await Promise.all(
      others.map(async (name) => {
        await rm(path.join(this.#folder, name), { recursive: true, force: true });
      }),
    );
  }

  /** File names of ids may be alike, so a part of the id's hash tells them apart. */
  #folderOf(id: string): string {
    const hash = createHash('sha256').update(id).digest('hex').slice(0, 8);
    return path.join(this.#folder, `${fileNameOf(id)}-${hash}`);
  }
}

/** Of the file system that the folder is on, or will be. 0 where that cannot be told. */
async function freeSpace(folder: string): Promise<number> {
  for (let place = folder; ; place = path.dirname(place)) {
    const found = await statfs(place).catch(() => null);
    if (found !== null) return found.bavail * found.bsize;
    if (place === path.dirname(place)) return 0;
  }
}
