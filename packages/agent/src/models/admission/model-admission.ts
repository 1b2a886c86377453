import type { MediaSettings } from '@mlxfleet/protocol';
import type { Logger } from 'pino';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import { gigabytes } from '../../memory/gigabytes.ts';
import type { MemoryEstimate } from '../../memory/memory-estimate.ts';
import { type MemoryReading, reserveBytes } from '../../memory/memory-pressure.ts';
import { planRoom, type Resident } from '../../memory/memory-room.ts';
import { memoryShare } from '../../memory/memory-share.ts';
import type { ModelLocation } from '../catalog/catalog.ts';
import type { ModelSettings } from '../model-settings.ts';
import { modelNeeds } from './model-needs.ts';
import type { PrefixDisk } from './prefix-disk.ts';
import type { Reservation } from './reservation.ts';

/** A model that is to be loaded. */
export interface Applicant {
  readonly location: ModelLocation;
  readonly settings: ModelSettings;
  readonly draft: ModelLocation | null;
}

/** What admission sees of the other models, and does to them. */
interface AdmissionEffects {
  /** Every model that holds memory or is about to, the applicant too. */
  residents(): readonly Resident[];
  /** Drops what a model keeps of earlier prompts. */
  shrink(id: string): void;
  /** Resolves when the model is gone; rejects when it does not go. */
  evict(id: string): Promise<void>;
  /** Models of the configuration that are on this host. */
  configured(): Promise<readonly Applicant[]>;
}

export interface ModelAdmissionOptions {
  /** What models may use together, bytes. */
  readonly limitBytes: number;
  readonly readMemory: () => Promise<MemoryReading>;
  /** Why nothing may be loaded now; null when it may. */
  readonly loadObstacle: () => string | null;
  readonly prefixDisk: PrefixDisk;
  /** What workers of vision models are told of images. */
  readonly media: MediaSettings;
  readonly effects: AdmissionEffects;
  readonly log: Logger;
}

const RETRY_SECONDS = 10;

/** Makes room for models before they are loaded, and divides the memory among them. */
export class ModelAdmission {
  readonly #options: ModelAdmissionOptions;
  /** Limits that were given, by id; those of models that have gone since do not count. */
  readonly #given = new Map<string, number>();
  /** One load makes room at a time, so that two do not count the same free bytes. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ModelAdmissionOptions) {
    this.#options = options;
  }

  /**
   * Unloads what has to go, and answers what the model may count on.
   * @throws ApiError MEMORY_EXHAUSTED.
   */
  async admit(applicant: Applicant): Promise<Reservation> {
    const turn = this.#turn.then(async () => await this.#admit(applicant));
    this.#turn = turn.catch(() => {});
    return await turn;
  }

  async #admit({ location, settings, draft }: Applicant): Promise<Reservation> {
    const obstacle = this.#options.loadObstacle();
    if (obstacle !== null) throw refused(location.id, obstacle);
    const { media } = this.#options;
    const estimate = await modelNeeds(location, settings, draft, media);
    await this.#makeRoom(location.id, estimate);
    const share = await this.#share(location.id, settings, estimate);
    this.#given.set(location.id, share.memoryLimitBytes);
    // What turns texts into vectors keeps nothing of them.
    const keepsPrefixes = location.task !== 'embed' && share.prefixBytes > 0;
    const disk = await this.#options.prefixDisk.settings(
      location.id,
      keepsPrefixes ? settings.prefixDiskBytes : 0,
    );
    return {
      bytes: estimate.totalBytes,
      growthBytes: estimate.totalBytes - estimate.weightBytes,
      limits: {
        memoryLimitBytes: share.memoryLimitBytes,
        prefixCache: { memory_bytes: keepsPrefixes ? share.prefixBytes : 0, ...disk },
        draftPath: draft?.path ?? null,
        media: location.task === 'vision' ? media : null,
      },
    };
  }

  async #makeRoom(id: string, estimate: MemoryEstimate): Promise<void> {
    const needed = estimate.totalBytes;
    const { limitBytes, effects, log } = this.#options;
    const { availableBytes, totalBytes } = await this.#readMemory(id);
    const room = { limitBytes, availableBytes: availableBytes - reserveBytes(totalBytes) };
    const plan = planRoom(needed, room, this.#others(id));
    if (plan.kind === 'refused') throw refused(id, `${plan.reason}${largeCache(estimate)}`);
    const { evict, shrink } = plan;
    if (evict.length + shrink.length > 0)
      log.info({ model: id, evict, shrink, needed }, 'making room for a model');
    for (const other of shrink) effects.shrink(other);
    await Promise.all(
      evict.map(async (other) => {
        await effects.evict(other).catch((error: unknown) => {
          throw refused(id, `model '${other}' was to make room for it, and does not end`, error);
        });
      }),
    );
  }

  async #readMemory(id: string): Promise<MemoryReading> {
    try {
      return await this.#options.readMemory();
    } catch (error) {
      throw refused(id, 'how much memory this machine has left cannot be read', error);
    }
  }

  async #share(id: string, settings: ModelSettings, estimate: MemoryEstimate) {
    const others = this.#others(id);
    const loaded = others.filter(({ floorBytes }) => floorBytes > 0);
    const admitted = new Set(loaded.map((other) => other.id));
    // Those that wait for their turn in here are on their way as well.
    const coming = new Set(others.map((other) => other.id).filter((other) => !admitted.has(other)));
    const listed = await this.#options.effects.configured();
    const configured = listed.filter(({ location }) => {
      return location.id !== id && !admitted.has(location.id);
    });
    const isListed = listed.some(({ location }) => location.id === id);
    const promised = configured.filter(({ location, settings: { preload, pin } }) => {
      return preload || pin || coming.has(location.id);
    });
    const unlisted = [...coming].filter((other) => !configured.some(({ location }) => location.id === other));
    const needs = await Promise.all(
      promised.map(async ({ location, settings: theirs, draft }) => {
        return await modelNeeds(location, theirs, draft, this.#options.media);
      }),
    );
    return memoryShare({
      estimate,
      limitBytes: this.#options.limitBytes,
      givenBytes: [...admitted].reduce((sum, other) => sum + (this.#given.get(other) ?? 0), 0),
      promisedBytes: needs.reduce((sum, { totalBytes }) => sum + totalBytes, 0),
      others: configured.length + unlisted.length,
      taken: isListed ? null : { models: loaded.length, bytes: takenBytes(loaded) },
      prefixBytes: settings.prefixMemoryBytes,
    });
  }

  #others(id: string): Resident[] {
    return this.#options.effects.residents().filter((resident) => resident.id !== id);
  }
}

/** What models hold or may count on; what they keep of earlier prompts goes when others need it. */
function takenBytes(residents: readonly Resident[]): number {
  return residents.reduce(
    (sum, { floorBytes, heldBytes, cacheBytes }) => sum + Math.max(floorBytes, heldBytes - cacheBytes),
    0,
  );
}

/** Names the setting where it is what takes the most: a slip of the keyboard there keeps every model out. */
function largeCache(estimate: MemoryEstimate): string {
  const { weightBytes, workingSetBytes, activationBytes, prefixBytes, featureCacheBytes } = estimate;
  if (featureCacheBytes <= Math.max(weightBytes, workingSetBytes, activationBytes, prefixBytes)) return '';
  return `; of what it needs, ${gigabytes(featureCacheBytes)} are images.feature_cache`;
}

function refused(id: string, reason: string, cause?: unknown): ApiError {
  return new ApiError(API_ERRORS.MEMORY_EXHAUSTED, `The model '${id}' cannot be loaded: ${reason}.`, {
    retryAfter: RETRY_SECONDS,
    cause,
  });
}
