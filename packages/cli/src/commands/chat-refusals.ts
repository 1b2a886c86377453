import { CodedError, type Model } from '@mlxfleet/protocol';
import { type Attachment, isPdf } from '../agent-client/read-attachment.ts';
import { ERRORS } from '../errors.ts';

/** Ids of the models that are shown images. */
function seeingModels(models: readonly Model[]): string[] {
  return models
    .filter(({ architecture }) => architecture.input_modalities.includes('image'))
    .map(({ id }) => id);
}

/**
 * Refuses files for a model that is known to take text only, before they are sent.
 * @param models what the host has; one that it is still to fetch may see.
 * @throws CodedError ATTACHMENT_UNUSABLE.
 */
export function refuseUnseen(host: string, model: string, models: readonly Model[]): void {
  const asked = models.find(({ id }) => id === model);
  const seeing = seeingModels(models);
  if (asked === undefined || seeing.includes(model)) return;
  const [first] = seeing;
  throw new CodedError(ERRORS.ATTACHMENT_UNUSABLE, `${host}: ${model} is shown no images`, {
    hint:
      first === undefined
        ? `No model on ${host} is. Set \`vision: true\` for it in the inventory and list a vision model under \`models\`, then: mlxfleet deploy ${host}. docs/vision.md tells more.`
        : `Name one that is: --model ${first}`,
  });
}

/**
 * Refuses more images than the host takes, before any is sent: each would be read and sent for nothing.
 * @param before images of earlier messages, which every further one has as well.
 * @throws CodedError ATTACHMENT_UNUSABLE.
 */
export function refuseManyImages(attachments: readonly Attachment[], most: number, before = 0): void {
  const count = attachments.filter((attachment) => !isPdf(attachment)).length;
  if (count === 0 || count + before <= most) return;
  const earlier = before === 0 ? '' : `, ${before} of earlier messages among them`;
  throw new CodedError(
    ERRORS.ATTACHMENT_UNUSABLE,
    `these are ${count + before} images${earlier}, and the host takes ${most} at a time`,
    {
      hint:
        before === 0
          ? 'Show fewer, or raise `images.max_images` in the inventory and deploy.'
          : 'Begin another conversation, or raise `images.max_images` in the inventory and deploy.',
    },
  );
}
