import type { ChatMessage, ChatRequest, ContentPart, Prompt } from '@mlxfleet/protocol';
import { imageRefusal } from '../../../answering/image-refusal.ts';
import { templateOptions } from '../../../answering/template-options.ts';
import { ApiError } from '../../../api-error.ts';
import { API_ERRORS } from '../../../errors.ts';
import { chatTools } from './chat-tools.ts';

type ChatPromptFields = Pick<
  ChatRequest,
  'messages' | 'tools' | 'chat_template_kwargs' | 'enable_thinking' | 'reasoning_effort'
>;

type TemplateMessage = Record<string, unknown>;

/** Fields of an assistant's message that would change what the model reads, and that no template takes. */
const REFUSED_FIELDS = ['audio', 'function_call'] as const;

/**
 * The messages as the worker's chat template takes them: parts joined to one text, fields that templates know.
 * @throws ApiError IMAGES_NOT_SUPPORTED, UNSUPPORTED_PARAMETER or INVALID_VALUE.
 */
export function chatPrompt(request: ChatPromptFields): Extract<Prompt, { kind: 'chat' }> {
  const names = new Map<string, string>();
  return {
    kind: 'chat',
    messages: request.messages.map((message, index) => templateMessage(message, index, names)),
    tools: chatTools(request.tools),
    template_options: templateOptions(request),
    media: [],
    param: 'messages',
  };
}

/**
 * @param names of the functions that were called so far, by the ids of their calls: templates name the function in front of
 *   its result. Those that this message calls are added.
 */
function templateMessage(message: ChatMessage, index: number, names: Map<string, string>): TemplateMessage {
  const place = `messages.${String(index)}`;
  const content = text(message.content, `${place}.content`);
  const name = message.name == null ? {} : { name: message.name };
  switch (message.role) {
    case 'tool': {
      const { tool_call_id: id } = message;
      const called = names.get(id);
      if (called === undefined) {
        const param = `${place}.tool_call_id`;
        throw new ApiError(
          API_ERRORS.INVALID_VALUE,
          `'${param}': no message before it has a tool call with the id '${id}'.`,
          { param },
        );
      }
      return { role: 'tool', content, tool_call_id: id, name: called, ...name };
    }
    case 'assistant':
      for (const call of message.tool_calls ?? []) names.set(call.id, call.function.name);
      return { ...assistantMessage(message, content, place), ...name };
    case 'developer':
      // Templates do not know OpenAI's newer name of the system role.
      return { role: 'system', content, ...name };
    default:
      return { role: message.role, content, ...name };
  }
}

function assistantMessage(
  message: Extract<ChatMessage, { role: 'assistant' }>,
  content: string,
  place: string,
): TemplateMessage {
  for (const field of REFUSED_FIELDS) {
    if (message[field] != null) {
      throw new ApiError(API_ERRORS.UNSUPPORTED_PARAMETER, `'${place}.${field}' is not supported.`, {
        param: `${place}.${field}`,
      });
    }
  }
  const { reasoning_content: reasoning, refusal, tool_calls: calls } = message;
  return {
    role: 'assistant',
    // A refusal is what the assistant said.
    content: content === '' ? (refusal ?? '') : content,
    ...(reasoning == null || reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...(calls == null || calls.length === 0
      ? {}
      : {
          tool_calls: calls.map(({ id, type, function: { name, arguments: args } }) => ({
            id,
            type,
            function: { name, arguments: args },
          })),
        }),
  };
}

function text(content: string | readonly ContentPart[] | null | undefined, place: string): string {
  if (typeof content === 'string') return content;
  const parts = content ?? [];
  return parts
    .map((part, position) => {
      if (part.type === 'text') return part.text;
      if (part.type === 'refusal') return part.refusal;
      throw imageRefusal(`${place}.${String(position)}`);
    })
    .join('');
}
