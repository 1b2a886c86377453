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
  if (!('type' in value && value.type === 'step' && 'outputs' in value)) return false;
  return Array.isArray(value.outputs) && value.outputs.every(isOutput);
}

/** An output with `finish` comes once in a request and is left to the schema. */
function isOutput(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || 'finish' in value) return false;
  return (
    'id' in value &&
    typeof value.id === 'string' &&
    'text' in value &&
    typeof value.text === 'string' &&
    'tokens' in value &&
    Array.isArray(value.tokens)
  );
}
