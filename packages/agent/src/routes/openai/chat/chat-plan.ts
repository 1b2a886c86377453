import type { ChatRequest } from '@mlxfleet/protocol';
import { answerConstraint } from '../../../answering/answer-constraint.ts';
import { type GenerationPlan, generationPlan } from '../../../answering/generation-plan.ts';
import { ApiError } from '../../../api-error.ts';
import { API_ERRORS } from '../../../errors.ts';
import type { Priority } from '../../../scheduler/request-queue.ts';
import { chatPrompt } from './chat-prompt.ts';
import { chatToolChoice } from './chat-tools.ts';

/**
 * What a chat request asks of its model.
 * @throws ApiError for options that contradict one another, and for what the prompt or the tools cannot be.
 */
export function chatPlan(body: ChatRequest, priority: Priority): GenerationPlan {
  const { prompt, attachments } = chatPrompt(body);
  return generationPlan(body, {
    prompts: [prompt],
    attachments,
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? null,
    priority,
    logprobs: logprobs(body),
    constraint: answerConstraint(body.response_format),
    toolChoice: chatToolChoice(body.tool_choice, prompt.tools),
    parallelToolCalls: body.parallel_tool_calls ?? true,
  });
}

function logprobs({ logprobs: wanted, top_logprobs: alternatives }: ChatRequest): number | null {
  if (wanted === true) return alternatives ?? 0;
  if (alternatives == null || alternatives === 0) return null;
  throw new ApiError(API_ERRORS.INVALID_VALUE, "'top_logprobs' needs 'logprobs': true.", {
    param: 'top_logprobs',
  });
}
