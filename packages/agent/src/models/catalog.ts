import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { cacheFolder, idOfCacheFolder, isModelId } from './model-id.ts';

/** A model on this host's disk. */
export interface ModelLocation {
  readonly id: string;
  /** Folder that holds config.json. */
  readonly path: string;
  /** Unix seconds. */
  readonly createdAt: number;
}

/** A commit hash or a branch name without anything that climbs. */
const REVISION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/;

/**
 * The models on disk: folders under the models root, and what Hugging Face caches hold. It looks every time, since
 * people copy models in while the agent runs.
 */
export class ModelCatalog {
  readonly #root: string;
  readonly #caches: readonly string[];

  /** `caches` are folders with `models--organisation--name` in them; missing ones are fine. */
  constructor(root: string, caches: readonly string[]) {
    this.#root = root;
    this.#caches = caches;
  }

  /** One model; null when the host does not have it or the id is not one. */
  async find(id: string): Promise<ModelLocation | null> {
    if (!isModelId(id)) return null;
    if (!id.includes('/')) {
      const local = await locate(id, path.join(this.#root, id));
      if (local !== null) return local;
    }
    for (const cache of this.#caches) {
      const cached = await this.#findCached(id, path.join(cache, cacheFolder(id)));
      if (cached !== null) return cached;
    }
    return null;
  }

  /** All of them, by id. */
  async list(): Promise<ModelLocation[]> {
    const ids = new Set((await names(this.#root)).filter((name) => isModelId(name)));
    for (const cache of this.#caches) {
      for (const folder of await names(cache)) {
        const id = idOfCacheFolder(folder);
        if (id !== null) ids.add(id);
      }
    }
    const found = await Promise.all(Array.from(ids, async (id) => await this.find(id)));
    return found
      .filter((location) => location !== null)
      .toSorted((left, right) => (left.id < right.id ? -1 : 1));
  }

  async #findCached(id: string, folder: string): Promise<ModelLocation | null> {
    const reference = await readFile(path.join(folder, 'refs', 'main'), 'utf8').catch(() => '');
    const revision = reference.trim();
    return REVISION.test(revision) ? await locate(id, path.join(folder, 'snapshots', revision)) : null;
  }
}

/** Bytes of a model's weights; 0 when they cannot be told. */
export async function weightBytes(folder: string): Promise<number> {
  const files = (await names(folder)).filter((name) => name.endsWith('.safetensors'));
  const sizes = await Promise.all(
    files.map(
      async (name) =>
        await stat(path.join(folder, name))
          .then(({ size }) => size)
          .catch(() => 0),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function locate(id: string, folder: string): Promise<ModelLocation | null> {
  const config = await stat(path.join(folder, 'config.json')).catch(() => null);
  if (config?.isFile() !== true) return null;
  return { id, path: folder, createdAt: Math.floor(config.mtimeMs / 1000) };
}

async function names(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => []);
}
