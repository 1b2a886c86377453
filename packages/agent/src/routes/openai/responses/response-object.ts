import type { ResponseObject, ResponseOutputItem, ResponsesRequest, ResponseUsage } from '@mlxfleet/protocol';
import type { AnswerBlock } from '../../../answering/answer-blocks.ts';
import type { Finish, Summary } from '../../../answering/generation.ts';
import type { ApiError } from '../../../api-error.ts';

/** A response before its first token: what the request said, and what holds where it said nothing. */
export function newResponse(request: ResponsesRequest, id: string, createdAt: number): ResponseObject {
  return {
    id,
    object: 'response',
    created_at: createdAt,
    completed_at: null,
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    model: request.model,
    output: [],
    previous_response_id: request.previous_response_id ?? null,
    instructions: request.instructions ?? null,
    tools: request.tools ?? [],
    tool_choice: request.tool_choice ?? 'auto',
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    text: { ...request.text, format: request.text?.format ?? { type: 'text' } },
    reasoning: { effort: request.reasoning?.effort ?? null, summary: null },
    max_output_tokens: request.max_output_tokens ?? null,
    temperature: request.temperature ?? 1,
    top_p: request.top_p ?? 1,
    top_logprobs: request.top_logprobs ?? 0,
    truncation: 'disabled',
    background: false,
    store: request.store ?? true,
    metadata: request.metadata ?? {},
    user: request.user ?? null,
    safety_identifier: request.safety_identifier ?? null,
    prompt_cache_key: request.prompt_cache_key ?? null,
    service_tier: 'default',
    usage: null,
    timings: null,
  };
}

/** The response at its end. */
export function finishedResponse(
  response: ResponseObject,
  blocks: readonly AnswerBlock[],
  { reason }: Finish,
  { usage, timings }: Summary,
  completedAt: number,
): ResponseObject {
  const isWhole = reason !== 'length';
  return {
    ...response,
    status: isWhole ? 'completed' : 'incomplete',
    completed_at: isWhole ? completedAt : null,
    incomplete_details: isWhole ? null : { reason: 'max_output_tokens' },
    output: outputItems(response.id, blocks, isWhole),
    usage: responseUsage(usage),
    timings,
  };
}

/** The response as far as it came. */
export function failedResponse(
  response: ResponseObject,
  blocks: readonly AnswerBlock[],
  error: ApiError,
): ResponseObject {
  return {
    ...response,
    status: 'failed',
    error: { code: error.definition.code.toLowerCase(), message: error.message },
    output: outputItems(response.id, blocks, false),
  };
}

const PREFIXES = { reasoning: 'rs', text: 'msg', call: 'fc' } as const;

/** Tells the response and the item's place in it, so that an item is found by its id alone. */
export function itemId(responseId: string, kind: AnswerBlock['kind'], place: number): string {
  return `${PREFIXES[kind]}_${responseId.slice('resp_'.length)}${place.toString(16).padStart(4, '0')}`;
}

/** The response that an item is of; null for what is no id of an item. */
export function responseOfItem(id: string): string | null {
  const hex = /^(?:rs|msg|fc)_([0-9a-f]+)[0-9a-f]{4}$/.exec(id)?.[1];
  return hex === undefined ? null : `resp_${hex}`;
}

/** A block as an item. The model's own id of a call is what its output will name. */
export function outputItem(
  responseId: string,
  place: number,
  block: AnswerBlock,
  status: ResponseOutputItem['status'],
): ResponseOutputItem {
  const id = itemId(responseId, block.kind, place);
  if (block.kind === 'text') {
    return { type: 'message', id, role: 'assistant', status, content: [textPart(block)] };
  }
  if (block.kind === 'call') {
    const { id: callId, name, text } = block;
    return { type: 'function_call', id, status, call_id: callId, name, arguments: text };
  }
  const content = [{ type: 'reasoning_text' as const, text: block.text }];
  return { type: 'reasoning', id, status, summary: [], content, encrypted_content: null };
}

export function textPart({ text, logprobs }: Extract<AnswerBlock, { kind: 'text' }>): {
  type: 'output_text';
  text: string;
  annotations: [];
  logprobs: typeof logprobs;
} {
  return { type: 'output_text', text, annotations: [], logprobs };
}

/** Items are whole but the last one of an answer that was cut off. */
function outputItems(
  responseId: string,
  blocks: readonly AnswerBlock[],
  isWhole: boolean,
): ResponseOutputItem[] {
  return blocks.map((block, place) =>
    outputItem(responseId, place, block, isWhole || place < blocks.length - 1 ? 'completed' : 'incomplete'),
  );
}

function responseUsage(usage: Summary['usage']): ResponseUsage {
  return {
    input_tokens: usage.prompt_tokens,
    input_tokens_details: usage.prompt_tokens_details,
    output_tokens: usage.completion_tokens,
    output_tokens_details: usage.completion_tokens_details,
    total_tokens: usage.total_tokens,
  };
}
