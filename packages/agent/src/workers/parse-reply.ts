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
  return isRecord(value) && value['type'] === 'step' && isListOf(value['outputs'], isOutput);
}

/** An output with `finish` comes once in a request, and calls are few: they are left to the schema. */
function isOutput(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { id, text, tokens, reasoning, logprobs, tool_calls: calls, finish } = value;
  return (
    typeof id === 'string' &&
    typeof text === 'string' &&
    isListOf(tokens, Number.isInteger) &&
    (reasoning === undefined || typeof reasoning === 'string') &&
    (logprobs === undefined || isListOf(logprobs, isChoiceLogprob)) &&
    calls === undefined &&
    finish === undefined
  );
}

function isChoiceLogprob(value: unknown): boolean {
  return isRecord(value) && isTokenLogprob(value) && isListOf(value['top_logprobs'], isTokenLogprob);
}

function isTokenLogprob(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { token, bytes, logprob } = value;
  return typeof token === 'string' && typeof logprob === 'number' && isListOf(bytes, isByte);
}

function isByte(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 255;
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): value is unknown[] {
  return Array.isArray(value) && value.every((item) => isItem(item));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
