import path from 'node:path';
import type { AgentConfig, MediaSettings } from '@mlxfleet/protocol';
import type { Logger } from 'pino';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import type { MemoryEstimate } from '../memory/memory-estimate.ts';
import type { MemoryReading } from '../memory/memory-pressure.ts';
import type { Resident } from '../memory/memory-room.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Throughput } from '../metrics/throughput.ts';
import { MemoryReturn } from '../workers/memory-return.ts';
import type { WorkerCommand } from '../workers/worker-process.ts';
import type { WorkerTimes } from '../workers/worker-times.ts';
import { type Applicant, ModelAdmission } from './admission/model-admission.ts';
import { modelNeeds } from './admission/model-needs.ts';
import type { PrefixDisk } from './admission/prefix-disk.ts';
import type { Reservation } from './admission/reservation.ts';
import type { ModelCatalog, ModelLocation } from './catalog/catalog.ts';
import { fileNameOf, isHubId } from './catalog/model-id.ts';
import { modelNotFound, weightlessModel } from './catalog/model-not-found.ts';
import { downloadFailed, DownloadFailure } from './downloads/download-failure.ts';
import type { DownloadProgress } from './downloads/download-process.ts';
import type { Download, Downloader } from './downloads/downloader.ts';
import { type ModelSettings, modelSettings } from './model-settings.ts';
import { modelUnloaded } from './runtime/model-errors.ts';
import { ModelRuntime } from './runtime/model-runtime.ts';

export interface ModelPoolOptions {
  readonly config: AgentConfig;
  readonly catalog: ModelCatalog;
  readonly downloader: Downloader;
  /** How the worker of a text model is started. */
  readonly command: WorkerCommand;
  /** Absolute path of the interpreter of the vision environment, which all but text models need; null without one. */
  readonly visionPython: string | null;
  /** Folder of the workers' logs. */
  readonly logs: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly throughput: Throughput;
  /** Steady clock, milliseconds. */
  readonly now: () => number;
  readonly idleTimeoutSeconds: number;
  /** What models may use together, bytes. */
  readonly memoryLimitBytes: number;
  readonly readMemory: () => Promise<MemoryReading>;
  /** Why nothing may be loaded now; null when it may. */
  readonly loadObstacle: () => string | null;
  readonly prefixDisk: PrefixDisk;
  /** What workers of vision models are told of images. */
  readonly media: MediaSettings;
  readonly times?: WorkerTimes;
}

export interface Pull {
  /** Id of the model that is fetched. */
  readonly model: string;
  /** Null when it is on this host already. */
  readonly download: Download | null;
}

/** All models of this host: finds them, makes room for them, and hands out their runtimes. */
export class ModelPool {
  readonly #options: ModelPoolOptions;
  readonly #admission: ModelAdmission;
  readonly #runtimes = new Map<string, ModelRuntime>();
  /** Why models that the configuration wants loaded could not be had when they were last asked for, by id. */
  readonly #missing = new Map<string, ApiError>();
  /** What one model's dead worker has not given back is missing for all. */
  readonly #memoryReturn: MemoryReturn;

  constructor(options: ModelPoolOptions) {
    this.#options = options;
    this.#memoryReturn = new MemoryReturn({
      availableBytes: async () => (await options.readMemory()).availableBytes,
    });
    this.#admission = new ModelAdmission({
      ...options,
      limitBytes: options.memoryLimitBytes,
      effects: {
        residents: () => this.residents(),
        configured: async () => await this.#configured(),
        shrink: (id) => {
          this.shrink(id, 0);
        },
        evict: async (id) => {
          await this.evict(id, 'room');
        },
      },
    });
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

  /** The settings that a model has, or would have. */
  settings(id: string): ModelSettings {
    return modelSettings(this.#options.config, id, this.#options.idleTimeoutSeconds);
  }

  /** What a model is thought to take when it is loaded. */
  async estimate(location: ModelLocation): Promise<MemoryEstimate> {
    const settings = this.settings(location.id);
    const draft = settings.draft === null ? null : await this.find(settings.draft);
    return await modelNeeds(location, settings, draft, this.#options.media);
  }

  /** Why a configured alias cannot be found; null for one that can, or that is none. */
  async aliasProblem(id: string): Promise<string | null> {
    return await this.#options.catalog.aliasProblem(id);
  }

  /**
   * Why a model that this host does not have will not come by itself, and what to do about it; null when it is there, is
   * being fetched, or is fetched as soon as somebody asks for it.
   */
  async absence(id: string): Promise<string | null> {
    const { catalog, downloader } = this.#options;
    const source = this.#source(id);
    if (downloader.isRunning(source) || (await this.find(id)) !== null) return null;
    const isAlias = source !== id;
    if (isAlias && (await this.find(source)) !== null) return await this.aliasProblem(id);
    const subject = isAlias ? `its base '${source}'` : 'it';
    if (!isHubId(source)) return `${subject} is not on this host: copy it to ${catalog.placeOf(source)}`;
    if (!downloader.isOffline) return this.#missing.get(id)?.message ?? null;
    return `${subject} is not on this host, and the hub may not be asked: take HF_HUB_OFFLINE out of its environment, or copy it into the hub's cache`;
  }

  /** How far the models are that are being fetched, by id. */
  get downloads(): ReadonlyMap<string, DownloadProgress> {
    return this.#options.downloader.progress;
  }

  /**
   * Begins to fetch a model of the hub, or joins the download that runs. Of an alias it is the model behind it.
   * @throws ApiError MODEL_NOT_FOUND, HUB_UNREACHABLE or DOWNLOADS_BUSY.
   */
  async pull(id: string): Promise<Pull> {
    const { catalog, downloader } = this.#options;
    const source = this.#source(id);
    if (!downloader.isRunning(source) && (await this.find(source)) !== null) {
      return { model: source, download: null };
    }
    if (!isHubId(source)) throw await modelNotFound(id, catalog);
    try {
      return { model: source, download: downloader.join(source) };
    } catch (error) {
      throw error instanceof DownloadFailure ? downloadFailed(source, error) : error;
    }
  }

  /** Models that hold memory, or are about to. */
  residents(): Resident[] {
    return this.runtimes.map((runtime) => runtime.resident()).filter((resident) => resident !== null);
  }

  /** Has a model drop what it keeps for further requests, prefixes and images, beyond so many bytes. */
  shrink(id: string, keepBytes: number): void {
    this.#options.metrics.prefixShrinks.inc({ model_name: id });
    this.#runtimes.get(id)?.shrink(keepBytes);
  }

  /**
   * Unloads a model for the sake of others, or of the machine. Resolves when its worker has ended.
   * @throws ApiError WORKER_STUCK; its log has it too.
   */
  async evict(id: string, reason: 'room' | 'pressure'): Promise<void> {
    this.#options.metrics.evictions.inc({ model_name: id, reason });
    await this.#runtimes.get(id)?.unload(false);
    this.#memoryReturn.workerEnded();
  }

  /**
   * The runtime of a model, which is not loaded by this; a hub's model is downloaded when the host lacks it.
   * @throws ApiError MODEL_NOT_FOUND or DOWNLOADS_BUSY.
   */
  async acquire(id: string): Promise<ModelRuntime> {
    try {
      const runtime = await this.#acquire(id);
      this.#missing.delete(id);
      return runtime;
    } catch (error) {
      // Of others it is an error of the request alone, whose names of models are without end.
      if (error instanceof ApiError && this.#isWanted(id)) this.#missing.set(id, error);
      throw error;
    }
  }

  /**
   * Why a model without a runtime cannot be loaded although the configuration wants it loaded; null when it can be, is
   * being fetched, or nobody wants it. `location` is where it is on this host, null when it is not.
   */
  unmetWish(id: string, location: ModelLocation | null): ApiError | null {
    if (!this.#isWanted(id)) return null;
    if (location !== null) return this.#environmentProblem(location);
    return this.#options.downloader.isRunning(this.#source(id)) ? null : (this.#missing.get(id) ?? null);
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

  async #acquire(id: string): Promise<ModelRuntime> {
    const known = this.#runtimes.get(id);
    if (known?.isActive === true) return known;
    // A download may take an hour, or fail: what was here before is not to come back meanwhile.
    if (known !== undefined && (await this.find(id)) === null) this.#retire(id);
    const location = await this.#findOrDownload(id);
    // Somebody else may have come first while this one looked.
    const current = this.#runtimes.get(id);
    if (current?.isActive === true) return current;
    if (current !== undefined && location !== null && isSame(current.location, location)) return current;
    this.#retire(id);
    if (location === null) throw await modelNotFound(id, this.#options.catalog);
    const runtime = this.#create(location);
    // What cannot run here is refused to whoever asks for it, and is no part of the host's state: it is not kept.
    if (this.#environmentProblem(location) === null) this.#runtimes.set(id, runtime);
    return runtime;
  }

  /** Lets go of the idle runtime of a model that is not there any more, or elsewhere; a broken one would start again. */
  #retire(id: string): void {
    const runtime = this.#runtimes.get(id);
    if (runtime === undefined || runtime.isActive) return;
    this.#runtimes.delete(id);
    void runtime.shutDown(modelUnloaded(id));
  }

  /** Id of the model whose files are needed: of an alias, the one behind it. */
  #source(id: string): string {
    return this.#options.catalog.alias(id)?.base ?? id;
  }

  #isWanted(id: string): boolean {
    const { preload, pin } = this.settings(id);
    return preload || pin;
  }

  async #findOrDownload(id: string): Promise<ModelLocation | null> {
    const { downloader } = this.#options;
    const source = this.#source(id);
    // While a download runs, what is there of the model may look complete and not be.
    const location = downloader.isRunning(source) ? null : await this.find(id);
    if (location !== null || !isHubId(source)) return location;
    if (source !== id && (await this.find(source)) !== null) return null;
    await downloader.download(source);
    const downloaded = await this.find(id);
    if (downloaded !== null || source !== id) return downloaded;
    throw weightlessModel(id);
  }

  #create(location: ModelLocation): ModelRuntime {
    const { command, visionPython, logs, log, metrics, throughput, now, times } = this.#options;
    return new ModelRuntime({
      location,
      settings: this.settings(location.id),
      command:
        location.task !== 'generate' && visionPython !== null
          ? { ...command, python: visionPython }
          : command,
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

  async #reserve({ location }: ModelRuntime): Promise<Reservation> {
    const problem = this.#environmentProblem(location);
    if (problem !== null) throw problem;
    const settings = this.settings(location.id);
    return await this.#admission.admit({
      location,
      settings,
      draft: await this.#draft(location.id, settings),
    });
  }

  #environmentProblem({ id, task }: ModelLocation): ApiError | null {
    if (task === 'generate' || this.#options.visionPython !== null) return null;
    const what = task === 'embed' ? 'turns texts into vectors' : 'is shown images';
    return new ApiError(
      API_ERRORS.VISION_ENVIRONMENT_MISSING,
      `The model '${id}' ${what} and runs in the vision environment, which this host does not have: set vision: true in the inventory and deploy again.`,
    );
  }

  async #draft(id: string, { draft }: ModelSettings): Promise<ModelLocation | null> {
    if (draft === null) return null;
    const location = await this.#findOrDownload(draft);
    if (location !== null) return location;
    throw new ApiError(
      API_ERRORS.MODEL_LOAD_FAILED,
      `The model '${id}' is configured with the draft model '${draft}', which is not on this host.`,
    );
  }

  async #configured(): Promise<Applicant[]> {
    const applicants = await Promise.all(
      this.#options.config.models.map(async ({ id, draft }) => {
        const location = await this.find(id);
        if (location === null) return null;
        return {
          location,
          settings: this.settings(id),
          draft: draft === null ? null : await this.find(draft),
        };
      }),
    );
    return applicants.filter((applicant) => applicant !== null);
  }
}

/** Whether a runtime of the one serves the other too. */
function isSame(left: ModelLocation, right: ModelLocation): boolean {
  return left.path === right.path && left.task === right.task && left.adapterPath === right.adapterPath;
}
