import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { cacheFolder, idOfCacheFolder, isModelId } from './model-id.ts';
import { holdsAllWeights } from './weight-files.ts';

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

/** Lies in a cache folder while mlxfleet_worker.download fills it; one that was cut off leaves it behind. */
const INCOMPLETE_MARK = '.mlxfleet-incomplete';

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
    if (!REVISION.test(revision)) return null;
    // Downloads write the reference and config.json long before the weights.
    if (await exists(path.join(folder, INCOMPLETE_MARK))) return null;
    const snapshot = path.join(folder, 'snapshots', revision);
    const location = await locate(id, snapshot);
    return location !== null && (await holdsAllWeights(snapshot)) ? location : null;
  }
}

async function locate(id: string, folder: string): Promise<ModelLocation | null> {
  const config = await stat(path.join(folder, 'config.json')).catch(() => null);
  if (config?.isFile() !== true) return null;
  return { id, path: folder, createdAt: Math.floor(config.mtimeMs / 1000) };
}

async function names(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => []);
}

async function exists(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    () => false,
  );
}
