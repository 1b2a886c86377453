import { z } from 'zod';
import { generateFrameSchema, promptSchema } from './generate.ts';

/**
 * Frames from the agent to one worker: JSON objects, one a line, UTF-8, on the worker's stdin. Replies come on its file
 * descriptor 3; stdout and stderr are logs. End of stdin ends the worker.
 */

/** Where prefixes of prompts are kept for the next request that begins alike. */
const prefixCacheSchema = z.object({
  /** Bytes of unified memory for all conversations of the model together; 0 keeps none. */
  memory_bytes: z.int().min(0),
  /** Absolute path of this model's own folder for prefixes that memory has no room for; null for none. */
  disk_path: z.string().nullable(),
  disk_bytes: z.int().min(0),
});
export type PrefixCacheSettings = z.infer<typeof prefixCacheSchema>;

/** Guesses at the next tokens that the model checks several at a time. The output is the same with and without. */
const speculationSchema = z.object({
  /** Guess from what the prompt and the completion said before. */
  prompt_lookup: z.boolean(),
  /** Absolute path of a small model with the same tokenizer; null for none. */
  draft_path: z.string().nullable(),
  /** Most tokens guessed at once. */
  tokens: z.int().min(1).max(16),
});

/** Of vision models: where files of requests are, and within which limits they are decoded. */
const mediaSettingsSchema = z.object({
  /** Absolute path of the only folder that files of requests are opened in. */
  spool_path: z.string(),
  /** Pixels of the longer side of what the model is shown: larger images are made smaller. */
  max_side: z.int().positive(),
  /** Pixels of one image, before it is made smaller. */
  max_pixels: z.int().positive(),
  /** Pages of all documents of one request together. */
  max_pdf_pages: z.int().positive(),
  /** Dots per inch at which pages are drawn. */
  pdf_dpi: z.int().min(36).max(600),
  /** Bytes of decoded images kept for further requests; 0 keeps none. */
  image_cache_bytes: z.int().min(0),
  /** Bytes of what the vision tower made of images, kept for further requests; 0 keeps none. */
  feature_cache_bytes: z.int().min(0),
});
export type MediaSettings = z.infer<typeof mediaSettingsSchema>;

/** First request to a worker: load this model and keep it until the worker ends. */
export const loadFrameSchema = z.object({
  type: z.literal('load'),
  /** Absolute path of a folder that holds config.json. */
  path: z.string(),
  /** A model that generates text, one that is shown images also, or one that turns text into vectors. */
  task: z.enum(['generate', 'vision', 'embed']).default('generate'),
  /** Absolute path of a LoRA adapter's folder; null for none. */
  adapter_path: z.string().nullable().default(null),
  /** Upper bound of prompt plus completion in tokens; null takes the model's own. */
  context_length: z.int().positive().nullable(),
  /** Bytes of unified memory that MLX may use; null leaves MLX's own limit. */
  memory_limit_bytes: z.int().positive().nullable(),
  /** Bytes that MLX keeps wired on a Mac; null decides by the weights and the size of the machine, 0 wires nothing. */
  wired_limit_bytes: z.int().min(0).nullable().default(null),
  /** Requests decoded together; further ones wait in the worker. */
  max_batch_size: z.int().positive(),
  /** Bits of each key and value in the cache; null keeps the model's own precision. */
  kv_bits: z
    .union([z.literal(4), z.literal(8)])
    .nullable()
    .default(null),
  prefix_cache: prefixCacheSchema.default({ memory_bytes: 0, disk_path: null, disk_bytes: 0 }),
  speculation: speculationSchema.default({ prompt_lookup: false, draft_path: null, tokens: 4 }),
  /** For the task `vision`, which needs it. */
  media: mediaSettingsSchema.nullable().default(null),
});
export type LoadFrame = z.infer<typeof loadFrameSchema>;

/** Ends a request within one step. No further frame carries its id. An unknown id is ignored. */
const cancelFrameSchema = z.object({ type: z.literal('cancel'), id: z.string() });

/** Answered by `pong` with the same nonce and the current counters. */
const pingFrameSchema = z.object({ type: z.literal('ping'), nonce: z.int() });

/**
 * The host is short of memory: of what is kept in it for further requests only so many bytes stay, and unused buffers are
 * given back. Decoded images go first, then what the vision tower made of images, then prefixes: as they are quicker to
 * make again. Of each the least recently used goes first.
 */
const shrinkFrameSchema = z.object({ type: z.literal('shrink'), kept_bytes: z.int().min(0) });

/** Answered by `tokenized` with the same id, or by `failed`. */
const tokenizeFrameSchema = z.object({
  type: z.literal('tokenize'),
  id: z.string(),
  prompt: promptSchema,
  /** Of a text: whether the special tokens count too that the model puts around a prompt. */
  add_special_tokens: z.boolean().default(true),
  /** Decoded images are shared among requests and questions of the same scope only; null is a scope too. */
  cache_scope: z.string().nullable().default(null),
});

/** Answered by `detokenized` with the same id, or by `failed`. */
const detokenizeFrameSchema = z.object({
  type: z.literal('detokenize'),
  id: z.string(),
  tokens: z.array(z.int().min(0)),
});

/** Answered by `embedded` with the same id, or by `failed`. Of models loaded for the task `embed` only. */
const embedFrameSchema = z.object({
  type: z.literal('embed'),
  id: z.string(),
  inputs: z.array(z.union([z.string(), z.array(z.int().min(0))])).min(1),
  /** Leading components to keep, normalised again; null keeps all. */
  dimensions: z.int().positive().nullable().default(null),
});

export const workerRequestSchema = z.discriminatedUnion('type', [
  loadFrameSchema,
  generateFrameSchema,
  cancelFrameSchema,
  pingFrameSchema,
  shrinkFrameSchema,
  tokenizeFrameSchema,
  detokenizeFrameSchema,
  embedFrameSchema,
]);
export type WorkerRequest = z.infer<typeof workerRequestSchema>;
