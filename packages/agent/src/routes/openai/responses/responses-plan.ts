import type { Constraint, ResponseInputItem, ResponsesRequest } from '@mlxfleet/protocol';
import { schemaConstraint } from '../../../answering/answer-constraint.ts';
import { type GenerationPlan, generationPlan } from '../../../answering/generation-plan.ts';
import { templateOptions } from '../../../answering/template-options.ts';
import type { Priority } from '../../../scheduler/request-queue.ts';
import { responsesMessages } from './responses-prompt.ts';
import { responsesTools } from './responses-tools.ts';

/** A request with everything that it refers to. */
export interface ResponsesInput {
  readonly request: ResponsesRequest;
  /** Items of the responses that this one goes on from. */
  readonly earlier: readonly ResponseInputItem[];
  /** Items of the request, references replaced. */
  readonly input: readonly ResponseInputItem[];
}

/**
 * What a request asks of its model.
 * @throws ApiError for what the prompt, the tools or the format cannot be.
 */
export function responsesPlan(
  { request, earlier, input }: ResponsesInput,
  priority: Priority,
): GenerationPlan {
  const { tools, choice } = responsesTools(request);
  const { messages, attachments } = responsesMessages(request.instructions ?? null, earlier, input);
  const options = templateOptions({
    chat_template_kwargs: request.chat_template_kwargs,
    reasoning_effort: request.reasoning?.effort,
  });
  return generationPlan(request, {
    prompts: [{ kind: 'chat', messages, tools, template_options: options, media: [], param: 'input' }],
    attachments,
    maxTokens: request.max_output_tokens ?? null,
    priority,
    logprobs: logprobs(request),
    constraint: textConstraint(request),
    toolChoice: choice,
    parallelToolCalls: request.parallel_tool_calls ?? true,
  });
}

function textConstraint({ text }: ResponsesRequest): Constraint | null {
  const format = text?.format;
  if (format?.type === 'json_object') return { kind: 'json_object' };
  if (format?.type !== 'json_schema') return null;
  return schemaConstraint(format.schema, 'text.format.schema');
}

function logprobs({ include, top_logprobs: alternatives }: ResponsesRequest): number | null {
  const isIncluded = include?.includes('message.output_text.logprobs') ?? false;
  return isIncluded || (alternatives ?? 0) > 0 ? (alternatives ?? 0) : null;
}
