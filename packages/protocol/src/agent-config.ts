import { z } from 'zod';
import { adapterNameSchema } from './adapter-name.ts';
import { DEFAULTS } from './defaults.ts';
import { modelProblems } from './model-problems.ts';

/** Requests that one key may send; absent fields have the defaults. */
const rateLimitSchema = z.strictObject({
  per_minute: z.number().positive().max(1e6).default(DEFAULTS.rateLimit.perMinute),
  /** Requests that may come at once after a pause. */
  burst: z.int().min(1).max(1e6).default(DEFAULTS.rateLimit.burst),
});
export type RateLimit = z.infer<typeof rateLimitSchema>;

const agentModelSchema = z.strictObject({
  id: z.string().min(1),
  /** For an alias: the id of the model, and the name of the adapter's folder in shared/adapters. */
  base: z.string().min(1).nullable().default(null),
  adapter: adapterNameSchema.nullable().default(null),
  preload: z.boolean().default(false),
  pin: z.boolean().default(false),
  ttl_seconds: z.number().positive().nullable().default(null),
  context: z.int().positive().nullable().default(null),
  /** Null takes the agent's. */
  max_batch_size: z.int().positive().max(256).nullable().default(null),
  /** Bits of each key and value in the cache; null keeps the model's own precision. */
  kv_bits: z.literal([4, 8]).nullable().default(null),
  /** Id of a small model that guesses tokens. */
  draft: z.string().min(1).nullable().default(null),
  prompt_lookup: z.boolean().default(false),
  /** Most tokens guessed at once; null takes the default. */
  draft_tokens: z.int().min(1).max(16).nullable().default(null),
  /** Bytes for kept prefixes; null decides by memory and disk, 0 keeps none. */
  prefix_cache: z
    .strictObject({
      memory_bytes: z.int().min(0).nullable().default(null),
      disk_bytes: z.int().min(0).nullable().default(null),
    })
    .prefault({}),
});

/** `shared/config.yaml` on a host: written by a deploy from the inventory, read by the agent when it starts. */
export const agentConfigSchema = z.strictObject({
  version: z.literal(1),
  api: z
    .strictObject({
      bind: z.string().default(DEFAULTS.bind),
      port: z.int().min(0).max(65_535).default(DEFAULTS.apiPort),
      /** Without keys, a bind beyond loopback needs this said. */
      anonymous: z.boolean().default(false),
      /** SHA-256 of each accepted key, hexadecimal: the host never stores a key. */
      key_hashes: z.array(z.string().regex(/^[0-9a-f]{64}$/)).default([]),
      /** Null is no limit. */
      rate_limit: rateLimitSchema.nullable().default(null),
    })
    .prefault({}),
  admin: z.strictObject({ port: z.int().min(0).max(65_535).default(DEFAULTS.adminPort) }).prefault({}),
  models: z
    .array(agentModelSchema)
    .superRefine((models, context) => {
      for (const { index, key, message } of modelProblems(models)) {
        context.addIssue({ code: 'custom', path: [index, key], message });
      }
    })
    .default([]),
  /** Null takes the default of the host's RAM tier. */
  idle_timeout_seconds: z.number().positive().nullable().default(null),
  memory_limit_bytes: z.int().positive().nullable().default(null),
  /** Bytes that each worker keeps wired on a Mac; null decides by its weights and the size of the machine, 0 wires nothing. */
  wired_limit_bytes: z.int().min(0).nullable().default(null),
  /** Requests that may wait for one model, and how many it decodes together. */
  queue_depth: z.int().positive().default(50),
  max_batch_size: z.int().positive().max(256).default(64),
  /** A request that runs longer is ended. */
  request_timeout_seconds: z.number().positive().default(600),
  /** How long a stop waits for running requests. */
  drain_seconds: z.number().min(0).default(30),
  /** Added to the environment of workers. */
  env: z.record(z.string(), z.string()).default({}),
});
export type AgentConfig = z.infer<typeof agentConfigSchema>;
