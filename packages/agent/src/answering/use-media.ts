import type { Media } from '@mlxfleet/protocol';
import type { AgentServices } from '../agent-services.ts';
import type { Attachment } from '../media/attachment.ts';
import type { ModelRuntime } from '../models/runtime/model-runtime.ts';
import { requireImages } from './require-images.ts';

/**
 * Has what a request shows its model as files for as long as the model may look at them: until `use` has ended in any way.
 * @throws ApiError IMAGES_NOT_SUPPORTED, DRAINING, or what is wrong with an image; the reason of the signal when that ends
 *   it.
 */
export async function useMedia<Result>(
  { lifecycle, media: store }: Pick<AgentServices, 'lifecycle' | 'media'>,
  runtime: ModelRuntime,
  attachments: readonly Attachment[],
  signal: AbortSignal,
  use: (media: readonly Media[]) => Promise<Result>,
): Promise<Result> {
  requireImages(runtime, attachments);
  const { media, release } = await store.take(attachments, signal);
  try {
    // What the model has not been asked for yet is refused as if it came now.
    lifecycle.refuseWhenDraining();
    signal.throwIfAborted();
    return await use(media);
  } finally {
    release();
  }
}
