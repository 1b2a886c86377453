import type {
  AnthropicContentBlock,
  AnthropicMessage,
  AnthropicThinking,
  AnthropicUsage,
} from '@mlxfleet/protocol';
import type { AnswerBlock } from '../../answering/answer-blocks.ts';
import type { Finish, PromptCount, Summary } from '../../answering/generation.ts';

/** Whether reasoning is told, told as an empty block, or not told. */
export type ThinkingDisplay = 'full' | 'omitted' | 'none';

/**
 * Nothing is signed: whoever sends reasoning back is taken at their word, as for all of a conversation. Clients drop
 * blocks without a signature, and the model then would not see what it thought when it used a tool.
 */
export const SIGNATURE = 'mlxfleet';

/** Clients that did not ask for reasoning take the first block of an answer for its text. */
export function thinkingDisplay(thinking: AnthropicThinking | null | undefined): ThinkingDisplay {
  if (thinking == null || thinking.type === 'disabled') return 'none';
  return thinking.display === 'omitted' ? 'omitted' : 'full';
}

/** A message before its first token. */
export function newMessage(id: string, model: string, prompt: PromptCount): AnthropicMessage {
  return {
    id,
    type: 'message',
    role: 'assistant',
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: messageUsage(prompt, 0, 0),
  };
}

/** The message at its end. */
export function finishedMessage(
  start: AnthropicMessage,
  blocks: readonly AnswerBlock[],
  display: ThinkingDisplay,
  finish: Finish,
  summary: Summary,
): AnthropicMessage {
  return {
    ...start,
    content: blocks.filter((block) => isTold(block, display)).map((block) => contentBlock(block, display)),
    ...messageEnd(blocks, finish),
    usage: finalUsage(summary),
    timings: summary.timings,
  };
}

export function isTold(block: AnswerBlock, display: ThinkingDisplay): boolean {
  return block.kind !== 'reasoning' || display !== 'none';
}

/** A block as it is told whole. */
function contentBlock(block: AnswerBlock, display: ThinkingDisplay): AnthropicContentBlock {
  if (block.kind === 'text') return { type: 'text', text: block.text, citations: null };
  if (block.kind === 'call') {
    return { type: 'tool_use', id: block.id, name: block.name, input: toolInput(block.text) };
  }
  return { type: 'thinking', thinking: display === 'full' ? block.text : '', signature: SIGNATURE };
}

/** A block as it is told before its first piece. */
export function emptyBlock(block: AnswerBlock): AnthropicContentBlock {
  if (block.kind === 'text') return { type: 'text', text: '', citations: null };
  if (block.kind === 'call') return { type: 'tool_use', id: block.id, name: block.name, input: {} };
  return { type: 'thinking', thinking: '', signature: '' };
}

/** Arguments that max_tokens cut off are no JSON: then the input is empty, and stop_reason says why. */
function toolInput(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Cut off.
  }
  return {};
}

/** Why an answer ended, and the stop text where one ended it. */
export function messageEnd(
  blocks: readonly AnswerBlock[],
  { reason, stop_text: stopText }: Finish,
): Pick<AnthropicMessage, 'stop_reason' | 'stop_sequence'> {
  if (reason === 'length') return { stop_reason: 'max_tokens', stop_sequence: null };
  if (stopText !== null) return { stop_reason: 'stop_sequence', stop_sequence: stopText };
  const used = reason === 'tool_calls' || blocks.some(({ kind }) => kind === 'call');
  return { stop_reason: used ? 'tool_use' : 'end_turn', stop_sequence: null };
}

export function finalUsage({ usage }: Summary): AnthropicUsage {
  const prompt = {
    tokens: usage.prompt_tokens,
    cachedTokens: usage.prompt_tokens_details.cached_tokens,
  };
  return messageUsage(prompt, usage.completion_tokens, usage.completion_tokens_details.reasoning_tokens);
}

function messageUsage(
  prompt: Pick<PromptCount, 'tokens' | 'cachedTokens'>,
  output: number,
  thinking: number,
): AnthropicUsage {
  return {
    input_tokens: Math.max(0, prompt.tokens - prompt.cachedTokens),
    cache_read_input_tokens: prompt.cachedTokens,
    cache_creation_input_tokens: 0,
    output_tokens: output,
    output_tokens_details: { thinking_tokens: thinking },
  };
}
