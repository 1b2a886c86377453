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

/** What requests may show a vision model; sizes are bytes of the files, after base64. */
const imagesSchema = z.strictObject({
  /** Whether images may be named by an http(s) URL, which the host then fetches. */
  allow_urls: z.boolean().default(false),
  max_images: z.int().min(1).max(DEFAULTS.images.mostImages).default(DEFAULTS.images.maxImages),
  max_bytes: z.int().min(1).max(DEFAULTS.images.mostBytes).default(DEFAULTS.images.maxBytes),
  /** Of one image, before it is made smaller. */
  max_pixels: z.int().min(1).default(DEFAULTS.images.maxPixels),
  /** Pixels of the longer side of what a model is shown; null decides by the host's memory. */
  max_side: z.int().min(28).max(8192).nullable().default(null),
  max_pdf_bytes: z.int().min(1).max(DEFAULTS.images.mostBytes).default(DEFAULTS.images.maxPdfBytes),
  /** Of all documents of a request together. */
  max_pdf_pages: z.int().min(1).max(1000).default(DEFAULTS.images.maxPdfPages),
  /** Dots per inch at which pages are drawn, where a request does not say. */
  pdf_dpi: z.int().min(36).max(600).default(DEFAULTS.images.pdfDpi),
  /** Bytes of decoded images that each worker keeps; null decides by memory, 0 keeps none. */
  image_cache_bytes: z.int().min(0).nullable().default(null),
  /** Bytes of what the vision tower made of images; null decides by memory, 0 keeps none. */
  feature_cache_bytes: z.int().min(0).nullable().default(null),
});
export type ImageSettings = z.infer<typeof imagesSchema>;

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
  images: imagesSchema.prefault({}),
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
