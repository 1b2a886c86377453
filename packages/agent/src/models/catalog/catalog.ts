import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { readModelTask } from './model-files.ts';
import { cacheFolder, idOfCacheFolder, isModelId } from './model-id.ts';
import type { ModelTask } from './model-task.ts';
import { holdsAllWeights } from './weight-files.ts';

/** A model on this host's disk. */
export interface ModelLocation {
  readonly id: string;
  /** Folder that holds config.json. */
  readonly path: string;
  /** Unix seconds. */
  readonly createdAt: number;
  /** On this host: one without the vision environment serves some vision models as text models. */
  readonly task: ModelTask;
  /** Whether it is served as a text model for want of the vision environment alone. */
  readonly isVisionAsText?: boolean;
  /** Of an alias, the id of the model behind it; null otherwise. */
  readonly base: string | null;
  /** Of an alias, the folder of its LoRA adapter; null otherwise. */
  readonly adapterPath: string | null;
}

/** A model with a LoRA adapter under a name of its own, by configuration. */
export interface ModelAlias {
  readonly id: string;
  readonly base: string;
  /** Name of a folder among the adapters. */
  readonly adapter: string;
}

export interface ModelCatalogOptions {
  /** Folder of model folders. */
  readonly models: string;
  /** Folders with `models--organisation--name` in them; missing ones are fine. */
  readonly caches: readonly string[];
  /** Folder of adapter folders. */
  readonly adapters: string;
  readonly aliases: readonly ModelAlias[];
  /** Whether the host can run vision models as such. */
  readonly hasVisionEnvironment: boolean;
}

/** A commit hash or a branch name without anything that climbs. */
const REVISION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/;

/** Lies in a cache folder while mlxfleet_worker.download fills it; one that was cut off leaves it behind. */
const INCOMPLETE_MARK = '.mlxfleet-incomplete';

/** What has to be in an adapter's folder, as mlx_lm.lora writes it. */
const ADAPTER_FILES = ['adapter_config.json', 'adapters.safetensors'] as const;

/**
 * The models on disk: folders under the models root, what Hugging Face caches hold, and aliases for adapted ones. It looks
 * every time, since people copy models in while the agent runs.
 */
export class ModelCatalog {
  readonly #root: string;
  readonly #caches: readonly string[];
  readonly #adapters: string;
  readonly #aliases: ReadonlyMap<string, ModelAlias>;
  readonly #hasVisionEnvironment: boolean;

  constructor({ models, caches, adapters, aliases, hasVisionEnvironment }: ModelCatalogOptions) {
    this.#root = models;
    this.#caches = caches;
    this.#adapters = adapters;
    this.#aliases = new Map(aliases.map((alias) => [alias.id, alias]));
    this.#hasVisionEnvironment = hasVisionEnvironment;
  }

  /** The alias of this name; null when it is none. */
  alias(id: string): ModelAlias | null {
    return this.#aliases.get(id) ?? null;
  }

  /** One model; null when the host does not have it or the id is not one. */
  async find(id: string): Promise<ModelLocation | null> {
    const alias = this.alias(id);
    if (alias === null) return await this.#findModel(id);
    const [base, adapterPath] = await Promise.all([this.#findModel(alias.base), this.#findAdapter(alias)]);
    return base === null || adapterPath === null ? null : { ...base, id, base: base.id, adapterPath };
  }

  /** The folder that a model has to be copied to, absolute. */
  placeOf(id: string): string {
    return path.join(this.#root, id);
  }

  /** Why an alias cannot be found although it is configured, for its users; null for one that can, or that is none. */
  async aliasProblem(id: string): Promise<string | null> {
    const alias = this.alias(id);
    if (alias === null) return null;
    if ((await this.#findModel(alias.base)) === null) return `its base '${alias.base}' is not on this host`;
    if ((await this.#findAdapter(alias)) !== null) return null;
    return `its adapter is not on this host: shared/adapters/${alias.adapter} has to hold ${ADAPTER_FILES.join(' and ')}`;
  }

  async #findAdapter({ adapter }: ModelAlias): Promise<string | null> {
    const folder = path.join(this.#adapters, adapter);
    const found = await Promise.all(ADAPTER_FILES.map(async (file) => await exists(path.join(folder, file))));
    return found.every(Boolean) ? folder : null;
  }

  async #findModel(id: string): Promise<ModelLocation | null> {
    if (!isModelId(id)) return null;
    if (!id.includes('/')) {
      const local = await this.#locate(id, path.join(this.#root, id));
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
    for (const id of this.#aliases.keys()) ids.add(id);
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
    const location = await this.#locate(id, snapshot);
    return location !== null && (await holdsAllWeights(snapshot)) ? location : null;
  }

  async #locate(id: string, folder: string): Promise<ModelLocation | null> {
    const config = await stat(path.join(folder, 'config.json')).catch(() => null);
    if (config?.isFile() !== true) return null;
    const createdAt = Math.floor(config.mtimeMs / 1000);
    const hostTask = await readModelTask(folder, this.#hasVisionEnvironment);
    return { id, path: folder, createdAt, ...hostTask, base: null, adapterPath: null };
  }
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
