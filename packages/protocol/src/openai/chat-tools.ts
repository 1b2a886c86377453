import { z } from 'zod';

const functionName = z
  .string()
  .regex(/^[a-zA-Z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, dashes or underscores');

const tool = z.object({
  type: z.literal('function'),
  function: z.object({
    name: functionName,
    description: z.string().nullish(),
    /** JSON schema of the arguments. */
    parameters: z.record(z.string(), z.unknown()).nullish(),
    /** Whether the arguments follow the schema also where the model is free to call or not. */
    strict: z.boolean().nullish(),
  }),
});

/** That each has a name of its own is for the agent to see, as with the other APIs. */
export const toolsSchema = z.array(tool).max(128);

/** Which tools are called: as the model likes, none, at least one, or this one. */
export const toolChoiceOptionSchema = z.union([
  z.enum(['none', 'auto', 'required']),
  z.object({ type: z.literal('function'), function: z.object({ name: functionName }) }),
]);

/** A call in a finished message, of an answer or of the conversation so far. */
export const toolCallSchema = z.looseObject({
  id: z.string(),
  type: z.literal('function'),
  /** `arguments` is the text of a JSON object. */
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});

/** A part of a call in a stream: id and name come first, then the arguments in pieces. */
export const toolCallChunkSchema = z.object({
  index: z.int().min(0),
  id: z.string().optional(),
  type: z.literal('function').optional(),
  function: z.object({ name: z.string().optional(), arguments: z.string() }),
});
