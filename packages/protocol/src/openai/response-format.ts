import { z } from 'zod';

const jsonSchemaFormat = z.object({
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, dashes or underscores'),
  description: z.string().nullish(),
  schema: z.record(z.string(), z.unknown()),
  /** The schema is followed exactly with and without it. */
  strict: z.boolean().nullish(),
});

/** What the text of a completion has to be. */
export const responseFormatSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.object({ type: z.literal('json_schema'), json_schema: jsonSchemaFormat }),
]);
export type ResponseFormat = z.infer<typeof responseFormatSchema>;
