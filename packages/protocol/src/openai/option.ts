import type { z } from 'zod';

/**
 * A request field that may be left out; null counts as absent, as several clients send it. The notes go into
 * docs/openai-api.md.
 * @param description what the option does.
 * @param absent what holds without it.
 */
export function option<Schema extends z.ZodType>(
  schema: Schema,
  description: string,
  absent?: string,
): z.ZodOptional<z.ZodNullable<Schema>> {
  return schema.nullish().meta({ description, ...(absent === undefined ? {} : { absent }) });
}
