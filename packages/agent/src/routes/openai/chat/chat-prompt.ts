import type { ChatMessage, ChatRequest } from '@mlxfleet/protocol';
import { Attachments } from '../../../answering/attachments.ts';
import type { ChatPrompt } from '../../../answering/chat-prompt.ts';
import { templateOptions } from '../../../answering/template-options.ts';
import { ApiError } from '../../../api-error.ts';
import { API_ERRORS } from '../../../errors.ts';
import { shownContent, textContent } from './chat-content.ts';
import { chatTools } from './chat-tools.ts';

type ChatPromptFields = Pick<
  ChatRequest,
  'messages' | 'tools' | 'chat_template_kwargs' | 'enable_thinking' | 'reasoning_effort'
>;

type TemplateMessage = Record<string, unknown>;

/** Fields of an assistant's message that would change what the model reads, and that no template takes. */
const REFUSED_FIELDS = ['audio', 'function_call'] as const;

/**
 * The messages as the worker's chat template takes them: texts joined, fields that templates know.
 * @throws ApiError UNSUPPORTED_PARAMETER or INVALID_VALUE.
 */
export function chatPrompt(request: ChatPromptFields): ChatPrompt {
  const attachments = new Attachments();
  const names = new Map<string, string>();
  return {
    prompt: {
      kind: 'chat',
      messages: request.messages.map((message, index) =>
        templateMessage(message, `messages.${String(index)}`, { names, attachments }),
      ),
      tools: chatTools(request.tools),
      template_options: templateOptions(request),
      media: [],
      param: 'messages',
    },
    attachments: attachments.all,
  };
}

/** What the messages so far have brought. */
interface Brought {
  /** Of the functions that were called, by the ids of their calls: templates name the function in front of its result. */
  readonly names: Map<string, string>;
  readonly attachments: Attachments;
}

/** What the message brings is added to what was brought. */
function templateMessage(
  message: ChatMessage,
  place: string,
  { names, attachments }: Brought,
): TemplateMessage {
  const name = message.name == null ? {} : { name: message.name };
  const where = `${place}.content`;
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
      const content = shownContent(message.content, where, attachments);
      return { role: 'tool', content, tool_call_id: id, name: called, ...name };
    }
    case 'assistant':
      for (const call of message.tool_calls ?? []) names.set(call.id, call.function.name);
      return { ...assistantMessage(message, place), ...name };
    case 'user':
      return { role: 'user', content: shownContent(message.content, where, attachments), ...name };
    default:
      // Templates do not know OpenAI's newer name of the system role.
      return { role: 'system', content: textContent(message.content, where, message.role), ...name };
  }
}

function assistantMessage(
  message: Extract<ChatMessage, { role: 'assistant' }>,
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
  const content = saidText(message.content);
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

function saidText(content: Extract<ChatMessage, { role: 'assistant' }>['content']): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => (part.type === 'text' ? part.text : part.refusal)).join('');
}
