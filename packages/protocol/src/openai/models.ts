import { z } from 'zod';

const modelSchema = z.object({
  id: z.string(),
  object: z.literal('model'),
  /** Unix seconds. */
  created: z.int(),
  owned_by: z.string(),
  /** Extension, in the shape of OpenRouter and of Hugging Face's router: what requests may hold and what answers are. `file` is a PDF. */
  architecture: z.object({
    input_modalities: z.array(z.enum(['text', 'image', 'file'])),
    output_modalities: z.array(z.enum(['text', 'embeddings'])),
  }),
});
export type Model = z.infer<typeof modelSchema>;

export const modelListSchema = z.object({ object: z.literal('list'), data: z.array(modelSchema) });
export type ModelList = z.infer<typeof modelListSchema>;
