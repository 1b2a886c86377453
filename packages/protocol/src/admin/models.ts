import { z } from 'zod';
import { downloadProgressSchema } from './pull.ts';
import { modelStatusSchema } from './status.ts';

/** A model that the host has, is configured with, or is fetching. `error` tells why it cannot be used, when it cannot. */
const adminModelSchema = modelStatusSchema.extend({
  /** Whether its files are on this host. What they would tell is null while they are not. */
  present: z.boolean(),
  /**
   * Why a model that is not on this host does not come by itself, and what to do about it; null when it is there, is being
   * fetched or is fetched as soon as somebody asks for it. Null also in agents that do not tell.
   */
  missing: z.string().nullable().default(null),
  /** What it is for on this host: to generate text, to do so when shown images also, or to turn text into vectors. */
  task: z.enum(['generate', 'vision', 'embed']).nullable(),
  /** Whether the configuration names it; false also in agents that do not tell. */
  configured: z.boolean().default(false),
  /** Of an alias, the id of the model behind it and the name of its adapter; null otherwise. */
  base: z.string().nullable(),
  adapter: z.string().nullable(),
  /** Ids of the aliases of this model. */
  aliases: z.array(z.string()),
  /** Id of the model that drafts for it. */
  draft: z.string().nullable(),
  /** Whether it is loaded from the start. */
  preload: z.boolean(),
  /** Of its files; of an alias, those of its adapter alone. */
  disk_bytes: z.int().min(0).nullable(),
  /** What it is thought to take when it is loaded; `memory_bytes` is what it does take. */
  estimated_bytes: z.int().min(0).nullable(),
  /** While it is being fetched. */
  download: downloadProgressSchema.nullable(),
});
export type AdminModel = z.infer<typeof adminModelSchema>;

/** `GET /admin/models`: every model that the agent knows of, by id. */
export const adminModelsSchema = z.object({ models: z.array(adminModelSchema) });
export type AdminModels = z.infer<typeof adminModelsSchema>;
