import type { Answer } from './call.ts';

/** A call of the main API that got no answer, as one of status 0. */
export function describeError(error: unknown): Answer {
  const message = error instanceof Error ? error.message : String(error);
  return { status: 0, body: JSON.stringify({ error: { message: `the main API: ${message}` } }) };
}
