import type { AnthropicThinking, CountTokensRequest, MessagesRequest, ToolChoice } from '@mlxfleet/protocol';
import { schemaConstraint } from '../../answering/answer-constraint.ts';
import type { ChatPrompt } from '../../answering/chat-prompt.ts';
import { type GenerationPlan, generationPlan } from '../../answering/generation-plan.ts';
import { templateOptions } from '../../answering/template-options.ts';
import { toolChoiceAmong, toolDefinitions } from '../../answering/tool-use.ts';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import type { Priority } from '../../scheduler/request-queue.ts';
import { templateMessages } from './messages-prompt.ts';

/**
 * What a request asks of its model.
 * @throws ApiError for what the prompt, the tools or the format cannot be.
 */
export function messagesPlan(request: MessagesRequest, priority: Priority): GenerationPlan {
  refuseContinuation(request);
  const { prompt, attachments } = messagesPrompt(request);
  const { model, temperature, top_p, top_k, stop_sequences: stop } = request;
  return generationPlan(
    { model, temperature, top_p, top_k, stop },
    {
      prompts: [prompt],
      attachments,
      maxTokens: request.max_tokens,
      priority,
      constraint: textConstraint(request),
      toolChoice: toolChoiceAmong(choice(request), prompt.tools),
      parallelToolCalls: !isSerial(request),
    },
  );
}

/**
 * The prompt, also of a request that only has its tokens counted.
 * @throws ApiError as of the plan.
 */
export function messagesPrompt(request: CountTokensRequest): ChatPrompt {
  const given = (request.tools ?? []).map(({ name, description, input_schema: parameters, strict }) => {
    return { name, description, parameters, strict };
  });
  const effort = request.output_config?.effort;
  const { messages, attachments } = templateMessages(request);
  return {
    prompt: {
      kind: 'chat',
      messages,
      tools: toolDefinitions(given, { name: 'name', parameters: 'input_schema' }),
      media: [],
      template_options: {
        ...thinkingOptions(request.thinking),
        ...(effort == null ? {} : { reasoning_effort: effort }),
        ...templateOptions({ chat_template_kwargs: request.chat_template_kwargs }),
      },
      param: 'messages',
    },
    attachments,
  };
}

/** Models that can leave reasoning out do so unless the request wants it; the others answer all the same. */
function thinkingOptions(thinking: AnthropicThinking | null | undefined): Record<string, unknown> {
  switch (thinking?.type) {
    case 'enabled':
      return { enable_thinking: true, thinking_budget: thinking.budget_tokens };
    case 'adaptive':
      return { enable_thinking: true };
    default:
      return { enable_thinking: 'when_needed' };
  }
}

function choice({ tool_choice: given }: MessagesRequest): ToolChoice | null {
  switch (given?.type) {
    case 'any':
      return 'required';
    case 'tool':
      return { name: given.name };
    default:
      return given?.type ?? null;
  }
}

function isSerial({ tool_choice: given }: MessagesRequest): boolean {
  return given != null && given.type !== 'none' && given.disable_parallel_tool_use === true;
}

function textConstraint({ output_config: config }: MessagesRequest): GenerationPlan['constraint'] {
  const schema = config?.format?.schema;
  return schema === undefined ? null : schemaConstraint(schema, 'output_config.format.schema');
}

/** Chat templates end a message of the assistant: it cannot be gone on with. */
function refuseContinuation({ messages }: MessagesRequest): void {
  if (messages.at(-1)?.role !== 'assistant') return;
  throw new ApiError(
    API_ERRORS.UNSUPPORTED_PARAMETER,
    'The last message is of the assistant, and answers that go on with it are not supported.',
    { param: `messages.${String(messages.length - 1)}.role` },
  );
}
