import { z } from 'zod';

/**
 * Frames between the agent and one worker: JSON objects, one a line, UTF-8. Requests travel on the worker's stdin and
 * replies on its file descriptor 3; stdout and stderr are logs. End of stdin ends the worker.
 */

/** How the next token is drawn. Absent fields mean the model's plain distribution. */
export const samplingSchema = z.object({
  /** 0 is greedy. */
  temperature: z.number().min(0).max(2).default(1),
  top_p: z.number().gt(0).max(1).default(1),
  /** 0 keeps every token. */
  top_k: z.int().min(0).default(0),
  min_p: z.number().min(0).max(1).default(0),
  repetition_penalty: z.number().gt(0).max(10).default(1),
  presence_penalty: z.number().min(-2).max(2).default(0),
  frequency_penalty: z.number().min(-2).max(2).default(0),
  /** Token id (decimal text) to the value added to its logit. */
  logit_bias: z.record(z.string(), z.number()).default({}),
  seed: z.int().nullable().default(null),
});
export type Sampling = z.infer<typeof samplingSchema>;

export const promptSchema = z.discriminatedUnion('kind', [
  /** Messages rendered by the model's chat template; `template_options` are extra template variables. */
  z.object({
    kind: z.literal('chat'),
    messages: z.array(z.record(z.string(), z.unknown())),
    template_options: z.record(z.string(), z.unknown()).default({}),
  }),
  z.object({ kind: z.literal('text'), text: z.string() }),
  z.object({ kind: z.literal('tokens'), tokens: z.array(z.int().min(0)) }),
]);
export type Prompt = z.infer<typeof promptSchema>;

/** First request to a worker: load this model and keep it until the worker ends. */
export const loadFrameSchema = z.object({
  type: z.literal('load'),
  /** Absolute path of a folder that holds config.json. */
  path: z.string(),
  /** Upper bound of prompt plus completion in tokens; null takes the model's own. */
  context_length: z.int().positive().nullable(),
  /** Bytes of unified memory that MLX may use; null leaves MLX's own limit. */
  memory_limit_bytes: z.int().positive().nullable(),
  /** Requests decoded together; further ones wait in the worker. */
  max_batch_size: z.int().positive(),
});

export const generateFrameSchema = z.object({
  type: z.literal('generate'),
  id: z.string(),
  prompt: promptSchema,
  /** Completion tokens; null means up to the context length. */
  max_tokens: z.int().positive().nullable(),
  sampling: samplingSchema,
  /** Texts that end the completion; none of them appears in the output. */
  stop: z.array(z.string()),
});

/** Ends a request within one step. No further frame carries its id. An unknown id is ignored. */
export const cancelFrameSchema = z.object({ type: z.literal('cancel'), id: z.string() });

/** Answered by `pong` with the same nonce and the current counters. */
export const pingFrameSchema = z.object({ type: z.literal('ping'), nonce: z.int() });

export const workerRequestSchema = z.discriminatedUnion('type', [
  loadFrameSchema,
  generateFrameSchema,
  cancelFrameSchema,
  pingFrameSchema,
]);
export type WorkerRequest = z.infer<typeof workerRequestSchema>;
export type GenerateFrame = z.infer<typeof generateFrameSchema>;
export type LoadFrame = z.infer<typeof loadFrameSchema>;

/** First reply: the interpreter and the libraries are there. */
export const readyFrameSchema = z.object({
  type: z.literal('ready'),
  protocol_version: z.int(),
  pid: z.int(),
  /** Library name to version, for example mlx and mlx-lm. */
  versions: z.record(z.string(), z.string()),
  /** MLX's default device: gpu or cpu. */
  device: z.string(),
});

export const loadedFrameSchema = z.object({
  type: z.literal('loaded'),
  /** Tokens of prompt and completion together that a request may use. */
  context_length: z.int().positive(),
  /** Bytes that MLX holds after loading. */
  memory_bytes: z.int().min(0),
  load_seconds: z.number().min(0),
  has_chat_template: z.boolean(),
});

/** The model could not be loaded; the worker ends after this frame. */
export const loadFailedFrameSchema = z.object({ type: z.literal('load_failed'), message: z.string() });

/** Prefill of a request began. */
export const startedFrameSchema = z.object({
  type: z.literal('started'),
  id: z.string(),
  prompt_tokens: z.int().min(0),
  /** How many of them came from a cache. */
  cached_tokens: z.int().min(0),
});

export const timingsSchema = z.object({
  /** From the frame's arrival to the start of prefill. */
  queue_seconds: z.number().min(0),
  /** From the start of prefill to the first token. */
  prefill_seconds: z.number().min(0),
  /** From the first token to the last. */
  decode_seconds: z.number().min(0),
});
export type Timings = z.infer<typeof timingsSchema>;

/** What one decoding step gave one request. */
export const stepOutputSchema = z.object({
  id: z.string(),
  /** Printable text since the last output; it never ends inside a UTF-8 character or a possible stop text. */
  text: z.string(),
  /** Ids of the tokens that this step produced, the end-of-sequence token included. */
  tokens: z.array(z.int()),
  /** Present in the last output of a request. */
  finish: z
    .object({
      reason: z.enum(['stop', 'length']),
      completion_tokens: z.int().min(0),
      timings: timingsSchema,
    })
    .optional(),
});
export type StepOutput = z.infer<typeof stepOutputSchema>;

/**
 * One frame carries every token of one decoding step, or of several quick ones: then a request stands in it once for each
 * step, in their order.
 */
export const stepFrameSchema = z.object({ type: z.literal('step'), outputs: z.array(stepOutputSchema) });

/** One request failed; the others go on. */
export const failedFrameSchema = z.object({
  type: z.literal('failed'),
  id: z.string(),
  /** invalid: the request's fault, a 400. internal: the worker's fault, a 500. */
  kind: z.enum(['invalid', 'context_length', 'internal']),
  message: z.string(),
  /** The request field at fault, in OpenAI's spelling. */
  param: z.string().nullable(),
});

export const pongFrameSchema = z.object({
  type: z.literal('pong'),
  nonce: z.int(),
  running: z.int().min(0),
  waiting: z.int().min(0),
  /** Bytes in use by MLX arrays, in MLX's buffer cache, and the highest use so far. */
  active_memory_bytes: z.int().min(0),
  cache_memory_bytes: z.int().min(0),
  peak_memory_bytes: z.int().min(0),
});

export const workerReplySchema = z.discriminatedUnion('type', [
  readyFrameSchema,
  loadedFrameSchema,
  loadFailedFrameSchema,
  startedFrameSchema,
  stepFrameSchema,
  failedFrameSchema,
  pongFrameSchema,
]);
export type WorkerReply = z.infer<typeof workerReplySchema>;
