import { z } from 'zod';

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

/** A function that the model may call, in the shape that chat templates take. */
const toolDefinitionSchema = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({
    name: z.string(),
    description: z.string().optional(),
    /** JSON schema of the arguments; absent means an object without properties. */
    parameters: z.record(z.string(), z.unknown()).optional(),
    /** Whether the arguments must follow the schema also where the model is free to call or not. */
    strict: z.boolean().optional(),
  }),
});
export type ToolDefinition = z.infer<typeof toolDefinitionSchema>;

/** An image, or a document whose pages are images, that a message's part `{"type": "media", "media": index}` stands for. */
const mediaSchema = z.object({
  kind: z.enum(['image', 'pdf']),
  /** Absolute path of a file in the worker's spool folder (`media.spool_path` of its load frame). */
  path: z.string(),
  /** SHA-256 of the file, hexadecimal: caches go by it. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** The part of the request that it came in, for errors. */
  param: z.string(),
  detail: z.enum(['auto', 'low', 'high']).default('auto'),
  /** Of a document: ranges of pages from 1, each with its last one; null takes all. */
  pages: z
    .array(z.tuple([z.int().positive(), z.int().positive()]))
    .min(1)
    .nullable()
    .default(null),
  /** Of a document: dots per inch at which its pages are drawn; null takes the worker's. */
  dpi: z.int().min(36).max(600).nullable().default(null),
});
export type Media = z.infer<typeof mediaSchema>;

export const promptSchema = z.discriminatedUnion('kind', [
  /** Messages rendered by the model's chat template; `template_options` are extra template variables. */
  z.object({
    kind: z.literal('chat'),
    messages: z.array(z.record(z.string(), z.unknown())).min(1),
    /** For the template; what may be called is said by `tool_choice`. */
    tools: z.array(toolDefinitionSchema).default([]),
    template_options: z.record(z.string(), z.unknown()).default({}),
    /** In the order in which the messages' parts name them; of vision models only. */
    media: z.array(mediaSchema).default([]),
    /** The field of the request that the messages came in, for errors: each API has its own name for it. */
    param: z.string().default('messages'),
  }),
  z.object({ kind: z.literal('text'), text: z.string() }),
  z.object({ kind: z.literal('tokens'), tokens: z.array(z.int().min(0)) }),
]);
export type Prompt = z.infer<typeof promptSchema>;

/** What every finished completion has to match; reasoning before it is free. */
const constraintSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('json_object') }),
  z.object({ kind: z.literal('json_schema'), schema: z.record(z.string(), z.unknown()) }),
]);
export type Constraint = z.infer<typeof constraintSchema>;

/** Which of the prompt's tools are called: as the model likes, at least one, or this one. */
const toolChoiceSchema = z.union([z.enum(['none', 'auto', 'required']), z.object({ name: z.string() })]);
export type ToolChoice = z.infer<typeof toolChoiceSchema>;

export const generateFrameSchema = z.object({
  type: z.literal('generate'),
  id: z.string(),
  prompt: promptSchema,
  /** Completion tokens; null means up to the context length. */
  max_tokens: z.int().positive().nullable(),
  sampling: samplingSchema,
  /** Texts that end the completion; none of them appears in the output. */
  stop: z.array(z.string()),
  /** How many alternatives to report beside each token's log-probability; null reports none at all. */
  logprobs: z.int().min(0).max(20).nullable().default(null),
  constraint: constraintSchema.nullable().default(null),
  tool_choice: toolChoiceSchema.default('none'),
  /** Whether one answer may hold several calls. */
  parallel_tool_calls: z.boolean().default(true),
  /** Prefixes and decoded images are shared among requests of the same scope only; null is a scope too. */
  cache_scope: z.string().nullable().default(null),
});
export type GenerateFrame = z.infer<typeof generateFrameSchema>;
