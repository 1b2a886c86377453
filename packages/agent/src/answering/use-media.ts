import type { Media } from '@mlxfleet/protocol';
import type { AgentServices } from '../agent-services.ts';
import type { Attachment } from '../media/attachment.ts';
import type { ModelRuntime } from '../models/runtime/model-runtime.ts';
import { requireImages } from './require-images.ts';

/** What one request does with its model and with what it shows it. */
export interface MediaUse<Result> {
  readonly attachments: readonly Attachment[];
  readonly signal: AbortSignal;
  /**
   * The runtime of the model.
   * @throws ApiError where there is none, or it is for something else.
   */
  readonly acquire: () => Promise<ModelRuntime>;
  /** @throws ApiError QUEUE_FULL and others, where the runtime takes no more work. */
  readonly keepPlaces: (runtime: ModelRuntime) => () => void;
  /** Gives the model its work before it first waits for anything: until then its places are free for others. */
  readonly use: (runtime: ModelRuntime, media: readonly Media[]) => Promise<Result>;
}

/**
 * Has what a request shows its model as files for as long as the model may look at them: until `use` has ended in any way.
 * A request for which the model has no place is refused before any of its files is looked at.
 * @throws ApiError IMAGES_NOT_SUPPORTED, QUEUE_FULL, DRAINING, or what is wrong with an image; the reason of the signal when
 *   that ends it.
 */
export async function useMedia<Result>(
  { lifecycle, media: store }: Pick<AgentServices, 'lifecycle' | 'media'>,
  { attachments, signal, acquire, keepPlaces, use }: MediaUse<Result>,
): Promise<Result> {
  const runtime = await acquire();
  requireImages(runtime, attachments);
  if (attachments.length === 0) {
    lifecycle.refuseWhenDraining();
    return await use(runtime, []);
  }
  const letGo = keepPlaces(runtime);
  try {
    const { media, release } = await store.take(attachments, signal);
    try {
      // Files may take minutes, in which the model may be replaced: the runtime of then would not answer any more.
      const current = await acquire();
      requireImages(current, attachments);
      // What the model has not been asked for yet is refused as if it came now.
      lifecycle.refuseWhenDraining();
      signal.throwIfAborted();
      letGo();
      return await use(current, media);
    } finally {
      release();
    }
  } finally {
    letGo();
  }
}
