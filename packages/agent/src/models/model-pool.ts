import path from 'node:path';
import type { AgentConfig } from '@mlxfleet/protocol';
import type { Logger } from 'pino';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import { planRoom } from '../scheduler/memory-room.ts';
import { availableMemory } from '../state/host-facts.ts';
import type { Metrics } from '../state/metrics.ts';
import type { Throughput } from '../state/throughput.ts';
import { MemoryReturn } from '../workers/memory-return.ts';
import type { WorkerCommand } from '../workers/worker-process.ts';
import type { WorkerTimes } from '../workers/worker-times.ts';
import type { ModelCatalog, ModelLocation } from './catalog.ts';
import type { Downloader } from './downloader.ts';
import { fileNameOf, isHubId, isModelId } from './model-id.ts';
import { ModelRuntime } from './model-runtime.ts';
import type { ModelSettings } from './model-settings.ts';
import { weightBytes } from './weight-files.ts';

export interface ModelPoolOptions {
  readonly config: AgentConfig;
  readonly catalog: ModelCatalog;
  readonly downloader: Downloader;
  readonly command: WorkerCommand;
  /** Folder of the workers' logs. */
  readonly logs: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly throughput: Throughput;
  /** Steady clock, milliseconds. */
  readonly now: () => number;
  readonly idleTimeoutSeconds: number;
  readonly memoryLimitBytes: number;
  readonly times?: WorkerTimes;
}

/** A loaded model needs its weights, and room for caches and activations. */
const MEMORY_PER_WEIGHT = 1.2;
/** An error names so many of the models that exist. */
const MOST_NAMED = 20;

/** All models of this host: finds them, makes room for them, and hands out their runtimes. */
export class ModelPool {
  readonly #options: ModelPoolOptions;
  readonly #runtimes = new Map<string, ModelRuntime>();
  /** What one model's dead worker has not given back is missing for all. */
  readonly #memoryReturn = new MemoryReturn({ availableBytes: availableMemory });
  /** One load makes room at a time, so that two do not count the same free bytes. */
  #roomTurn: Promise<unknown> = Promise.resolve();

  constructor(options: ModelPoolOptions) {
    this.#options = options;
  }

  get runtimes(): ModelRuntime[] {
    return [...this.#runtimes.values()];
  }

  /** Models on disk, by id. */
  async list(): Promise<ModelLocation[]> {
    return await this.#options.catalog.list();
  }

  async find(id: string): Promise<ModelLocation | null> {
    return await this.#options.catalog.find(id);
  }

  /**
   * The runtime of a model, which is not loaded by this; a hub's model is downloaded when the host lacks it.
   * @throws ApiError MODEL_NOT_FOUND or DOWNLOADS_BUSY.
   */
  async acquire(id: string): Promise<ModelRuntime> {
    const known = this.#runtimes.get(id);
    if (known?.isActive === true) return known;
    const location = await this.#findOrDownload(id);
    if (location === null) {
      this.#runtimes.delete(id);
      throw await this.#notFound(id);
    }
    // Somebody else may have come first while this one looked.
    const current = this.#runtimes.get(id);
    if (current !== undefined && (current.isActive || current.location.path === location.path))
      return current;
    const runtime = this.#create(location);
    this.#runtimes.set(id, runtime);
    return runtime;
  }

  /** The runtime of a model that has one. */
  peek(id: string): ModelRuntime | null {
    return this.#runtimes.get(id) ?? null;
  }

  /** Called every second or so. */
  sweep(now: number): void {
    for (const runtime of this.#runtimes.values()) runtime.sweep(now);
  }

  /** Fails everything that is left and ends every worker. */
  async shutDown(reason: ApiError): Promise<void> {
    this.#options.downloader.stop();
    await Promise.all(this.runtimes.map(async (runtime) => await runtime.shutDown(reason)));
  }

  /** Ends every worker at once. */
  kill(): void {
    this.#options.downloader.stop();
    for (const runtime of this.#runtimes.values()) runtime.kill();
  }

  async #findOrDownload(id: string): Promise<ModelLocation | null> {
    const { downloader } = this.#options;
    // While a download runs, what is there of the model may look complete and not be.
    const location = downloader.isRunning(id) ? null : await this.find(id);
    if (location !== null || !isHubId(id)) return location;
    await downloader.download(id);
    const downloaded = await this.find(id);
    if (downloaded !== null) return downloaded;
    throw new ApiError(
      API_ERRORS.MODEL_NOT_FOUND,
      `The model '${id}' was downloaded, and holds no complete weights in the format safetensors.`,
      { param: 'model' },
    );
  }

  #create(location: ModelLocation): ModelRuntime {
    const { command, logs, log, metrics, throughput, now, times } = this.#options;
    return new ModelRuntime({
      location,
      settings: this.#settings(location.id),
      command,
      logFile: path.join(logs, `worker-${fileNameOf(location.id)}.log`),
      log: log.child({ model: location.id }),
      metrics,
      throughput,
      now,
      memoryReturn: this.#memoryReturn,
      reserve: async (runtime) => await this.#reserve(runtime),
      ...(times === undefined ? {} : { times }),
    });
  }

  #settings(id: string): ModelSettings {
    const { config, idleTimeoutSeconds, memoryLimitBytes } = this.#options;
    const model = config.models.find((each) => each.id === id);
    return {
      pin: model?.pin ?? false,
      preload: model?.preload ?? false,
      idleTimeoutMs: (model?.ttl_seconds ?? idleTimeoutSeconds) * 1000,
      contextLength: model?.context ?? null,
      queueDepth: config.queue_depth,
      maxBatchSize: config.max_batch_size,
      memoryLimitBytes,
    };
  }

  /** Unloads what has to go, and answers the bytes that the model may count on. */
  async #reserve(runtime: ModelRuntime): Promise<number> {
    const turn = this.#roomTurn.then(async () => {
      const needed = Math.ceil((await weightBytes(runtime.location.path)) * MEMORY_PER_WEIGHT);
      const residents = this.runtimes
        .filter((other) => other !== runtime)
        .map((other) => other.resident())
        .filter((resident) => resident !== null);
      const plan = planRoom(needed, this.#options.memoryLimitBytes, residents);
      if (plan.kind === 'refused') {
        throw new ApiError(
          API_ERRORS.MEMORY_EXHAUSTED,
          `The model '${runtime.id}' cannot be loaded: ${plan.reason}.`,
          { retryAfter: 10 },
        );
      }
      if (plan.evict.length > 0) {
        this.#options.log.info({ model: runtime.id, evict: plan.evict }, 'unloading models to make room');
      }
      await Promise.all(plan.evict.map(async (id) => await this.#runtimes.get(id)?.unload(false)));
      return needed;
    });
    this.#roomTurn = turn.catch(() => {});
    return await turn;
  }

  async #notFound(id: string): Promise<ApiError> {
    const ids = (await this.list()).map((location) => location.id);
    const named = ids.slice(0, MOST_NAMED).join(', ');
    const more = ids.length > MOST_NAMED ? ` and ${String(ids.length - MOST_NAMED)} more` : '';
    const have = ids.length === 0 ? 'It has no models yet.' : `It has: ${named}${more}.`;
    // An id that is none may be anything, a whole file's worth of control characters too.
    const name = isModelId(id) ? `The model '${id}' is not on this host.` : 'This is not the id of a model.';
    return new ApiError(API_ERRORS.MODEL_NOT_FOUND, `${name} ${have}`, { param: 'model' });
  }
}
