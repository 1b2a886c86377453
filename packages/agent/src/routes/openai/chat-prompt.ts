import type { ChatMessage, ChatRequest, Prompt } from '@mlxfleet/protocol';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';

/** Deeper template options are no one's honest wish, and would exhaust the stack of whoever walks them. */
const DEEPEST_OPTION = 16;

/**
 * The messages as the worker's chat template takes them: parts joined to one text, fields that templates know.
 * @throws ApiError IMAGES_NOT_SUPPORTED or INVALID_VALUE.
 */
export function chatPrompt(request: ChatRequest): Prompt {
  const options = request.chat_template_kwargs ?? {};
  if (!isShallow(options, DEEPEST_OPTION)) {
    throw new ApiError(API_ERRORS.INVALID_VALUE, "'chat_template_kwargs' is nested too deeply.", {
      param: 'chat_template_kwargs',
    });
  }
  return {
    kind: 'chat',
    messages: request.messages.map(templateMessage),
    tools: [],
    template_options: options,
  };
}

function templateMessage(message: ChatMessage, index: number): Record<string, unknown> {
  const content = text(message, index);
  if (message.role === 'tool') return { role: 'tool', content, tool_call_id: message.tool_call_id };
  if (message.role === 'assistant' && message.tool_calls != null) {
    const calls = message.tool_calls.map(({ id, type, function: { name, arguments: args } }) => ({
      id,
      type,
      function: { name, arguments: args },
    }));
    return { role: 'assistant', content, tool_calls: calls };
  }
  // Templates do not know OpenAI's newer name of the system role.
  return { role: message.role === 'developer' ? 'system' : message.role, content };
}

function text(message: ChatMessage, index: number): string {
  const { content } = message;
  if (typeof content === 'string') return content;
  const parts = content ?? [];
  return parts
    .map((part, position) => {
      if (part.type === 'text') return part.text;
      throw new ApiError(
        API_ERRORS.IMAGES_NOT_SUPPORTED,
        'This model takes text only, and the message holds an image.',
        { param: `messages.${String(index)}.content.${String(position)}` },
      );
    })
    .join('');
}

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((each) => isShallow(each, levels - 1));
}
