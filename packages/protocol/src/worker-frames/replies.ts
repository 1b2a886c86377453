import { z } from 'zod';

/** Frames from a worker to the agent: JSON objects, one a line, on the worker's file descriptor 3. */

/** First reply: the interpreter and the libraries are there. */
const readyFrameSchema = z.object({
  type: z.literal('ready'),
  protocol_version: z.int(),
  pid: z.int(),
  /** Library name to version, for example mlx and mlx-lm. */
  versions: z.record(z.string(), z.string()),
  /** MLX's default device: gpu or cpu. */
  device: z.string(),
});

const loadedFrameSchema = z.object({
  type: z.literal('loaded'),
  /** Tokens of prompt and completion together that a request may use. */
  context_length: z.int().positive(),
  /** Bytes that MLX holds after loading. */
  memory_bytes: z.int().min(0),
  load_seconds: z.number().min(0),
  has_chat_template: z.boolean(),
  /** Whether the model's answers can hold tool calls, and reasoning apart from the answer. */
  has_tool_calling: z.boolean().default(false),
  has_reasoning: z.boolean().default(false),
  /** Bytes of cache that one token of context takes; 0 where it does not grow with the context. */
  kv_bytes_per_token: z.number().min(0).default(0),
  /** Components of a vector, of models loaded for the task `embed`. */
  embedding_dimensions: z.int().positive().nullable().default(null),
});

/** The model could not be loaded; the worker ends after this frame. */
const loadFailedFrameSchema = z.object({ type: z.literal('load_failed'), message: z.string() });

/** Prefill of a request began. */
const startedFrameSchema = z.object({
  type: z.literal('started'),
  id: z.string(),
  prompt_tokens: z.int().min(0),
  /** How many of them came from a cache. */
  cached_tokens: z.int().min(0),
  /** How many of the prompt's tokens stand for images. */
  image_tokens: z.int().min(0).default(0),
});

const timingsSchema = z.object({
  /** From the start of prefill to the first token. */
  prefill_seconds: z.number().min(0),
  /** From the first token to the last. */
  decode_seconds: z.number().min(0),
});

const tokenLogprobSchema = z.object({
  /** The token's own text; half a character is U+FFFD here and exact in `bytes`. */
  token: z.string(),
  bytes: z.array(z.int().min(0).max(255)),
  /** Natural logarithm of its probability after penalties, biases and constraints, before temperature and filters. */
  logprob: z.number(),
});

/** One token of an answer's visible text. */
export const choiceLogprobSchema = tokenLogprobSchema.extend({ top_logprobs: z.array(tokenLogprobSchema) });
export type ChoiceLogprob = z.infer<typeof choiceLogprobSchema>;

/** A part of a tool call; the first part of each call has its id and its name, the parts' arguments are joined. */
const toolCallDeltaSchema = z.object({
  /** Place of the call in the answer, from 0. */
  index: z.int().min(0),
  id: z.string().optional(),
  name: z.string().optional(),
  /** Text of a JSON object, or a part of it. */
  arguments: z.string(),
});
export type ToolCallDelta = z.infer<typeof toolCallDeltaSchema>;

/** What one decoding step gave one request. */
const stepOutputSchema = z.object({
  id: z.string(),
  /** Printable text since the last output; it never ends inside a UTF-8 character or a possible stop text. */
  text: z.string(),
  /** Ids of the tokens that this step produced, the end-of-sequence token included. */
  tokens: z.array(z.int()),
  /** Text of the model's reasoning since the last output. */
  reasoning: z.string().optional(),
  tool_calls: z.array(toolCallDeltaSchema).optional(),
  logprobs: z.array(choiceLogprobSchema).optional(),
  /** Present in the last output of a request. */
  finish: z
    .object({
      reason: z.enum(['stop', 'length', 'tool_calls']),
      /** The stop text that ended it, where one did. */
      stop_text: z.string().nullable().default(null),
      completion_tokens: z.int().min(0),
      /** How many of them were reasoning. */
      reasoning_tokens: z.int().min(0).default(0),
      timings: timingsSchema,
    })
    .optional(),
});
export type StepOutput = z.infer<typeof stepOutputSchema>;

/**
 * One frame carries every token of one decoding step, or of several quick ones: then a request stands in it once for each
 * step, in their order.
 */
const stepFrameSchema = z.object({ type: z.literal('step'), outputs: z.array(stepOutputSchema) });

/** One request failed; the others go on. */
const failedFrameSchema = z.object({
  type: z.literal('failed'),
  id: z.string(),
  /**
   * invalid: the request's fault, a 400. media: an image or a document that cannot be used, a 400. media_too_large: one
   * that is beyond a limit, a 413. memory: there is no room for it now, a 503. internal: the worker's fault, a
   * 500.
   */
  kind: z.enum(['invalid', 'context_length', 'media', 'media_too_large', 'memory', 'internal']),
  message: z.string(),
  /** The request field at fault, in OpenAI's spelling. */
  param: z.string().nullable(),
  /** What a text of the request holds and must not, word for word, where that is the fault. */
  quote: z.string().optional(),
});

const pongFrameSchema = z.object({
  type: z.literal('pong'),
  nonce: z.int(),
  running: z.int().min(0),
  waiting: z.int().min(0),
  /** Decoding steps, prefill chunks and other finished pieces of work since the start: it stands still when stuck. */
  steps: z.int().min(0).default(0),
  /** For how long the request has been prepared that is being prepared now, before the engine; 0 while there is none. */
  preparing_seconds: z.number().min(0).default(0),
  /** Bytes in use by MLX arrays, in MLX's buffer cache, and the highest use so far. */
  active_memory_bytes: z.int().min(0),
  cache_memory_bytes: z.int().min(0),
  peak_memory_bytes: z.int().min(0),
  /** Bytes of kept prefixes, in memory and on disk. */
  prefix_cache_bytes: z.int().min(0).default(0),
  prefix_disk_bytes: z.int().min(0).default(0),
  /** Bytes of kept images, outside of MLX, and of what the vision tower made of them. */
  image_cache_bytes: z.int().min(0).default(0),
  feature_cache_bytes: z.int().min(0).default(0),
  /** Tokens guessed by speculation so far, and how many of them were right. */
  drafted_tokens: z.int().min(0).default(0),
  accepted_tokens: z.int().min(0).default(0),
});
export type PongFrame = z.infer<typeof pongFrameSchema>;

const tokenizedFrameSchema = z.object({
  type: z.literal('tokenized'),
  id: z.string(),
  tokens: z.array(z.int().min(0)),
});

const detokenizedFrameSchema = z.object({
  type: z.literal('detokenized'),
  id: z.string(),
  text: z.string(),
});

const embeddedFrameSchema = z.object({
  type: z.literal('embedded'),
  id: z.string(),
  /** One for each input: base64 of its components as little-endian 32-bit floats, of Euclidean length 1. */
  embeddings: z.array(z.string()),
  prompt_tokens: z.int().min(0),
});

export const workerReplySchema = z.discriminatedUnion('type', [
  readyFrameSchema,
  loadedFrameSchema,
  loadFailedFrameSchema,
  startedFrameSchema,
  stepFrameSchema,
  failedFrameSchema,
  pongFrameSchema,
  tokenizedFrameSchema,
  detokenizedFrameSchema,
  embeddedFrameSchema,
]);
export type WorkerReply = z.infer<typeof workerReplySchema>;
