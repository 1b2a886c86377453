import { type StepOutput, type WorkerReply, workerReplySchema } from '@mlxfleet/protocol';

/**
 * One line of a worker as a frame; null when it is none. Step frames come thousands of times a second and are checked
 * by hand for what the agent relies on; the rare other frames are checked by their schemas.
 */
export function parseReply(line: string): WorkerReply | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (isStep(value)) return value;
  const parsed = workerReplySchema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

function isStep(value: unknown): value is { type: 'step'; outputs: StepOutput[] } {
  if (typeof value !== 'object' || value === null) return false;
  const { type, outputs } = value as { type?: unknown; outputs?: unknown };
  if (type !== 'step' || !Array.isArray(outputs)) return false;
  for (const output of outputs as unknown[]) {
    if (!isOutput(output)) return false;
  }
  return true;
}

function isOutput(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { id, text, tokens, finish } = value as Record<string, unknown>;
  if (typeof id !== 'string' || typeof text !== 'string' || !Array.isArray(tokens)) return false;
  // Present once in a request: left to the schema, which also refuses a null.
  return finish === undefined;
}
