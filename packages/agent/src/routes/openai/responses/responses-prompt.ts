import type { ResponseInputItem } from '@mlxfleet/protocol';
import { Attachments } from '../../../answering/attachments.ts';
import type { ChatPrompt } from '../../../answering/chat-prompt.ts';
import { TemplateMessages } from '../../../answering/template-messages.ts';
import { ApiError } from '../../../api-error.ts';
import { API_ERRORS } from '../../../errors.ts';
import { shownContent, textContent } from './responses-content.ts';

type Message = Extract<ResponseInputItem, { role: unknown }>;

/** The messages of a conversation, and what they show. */
interface ResponsesMessages extends Pick<ChatPrompt, 'attachments'> {
  readonly messages: ChatPrompt['prompt']['messages'];
}

/**
 * The conversation as chat templates take it.
 * @param earlier items of the responses that this one goes on from.
 * @param input items of this request; errors name their places.
 * @throws ApiError for what an image or a document cannot be, and INVALID_VALUE for the output of a call that was not made
 *   and for a call without its output.
 */
export function responsesMessages(
  instructions: string | null,
  earlier: readonly ResponseInputItem[],
  input: readonly ResponseInputItem[],
): ResponsesMessages {
  const conversation = new TemplateMessages(false);
  const attachments = new Attachments();
  if (instructions !== null && instructions !== '') conversation.system(instructions);
  for (const item of earlier) addItem({ conversation, attachments }, item, 'previous_response_id');
  for (const [index, item] of input.entries()) {
    addItem({ conversation, attachments }, item, `input.${String(index)}`);
  }
  if (conversation.unanswered !== null) {
    throw new ApiError(
      API_ERRORS.INVALID_VALUE,
      `No tool output found for function call ${conversation.unanswered}.`,
      { param: 'input' },
    );
  }
  return { messages: conversation.messages, attachments: attachments.all };
}

/** What the items so far have become. */
interface Draft {
  readonly conversation: TemplateMessages;
  readonly attachments: Attachments;
}

function addItem(draft: Draft, item: ResponseInputItem, place: string): void {
  const { conversation, attachments } = draft;
  switch (item.type) {
    case undefined:
    case 'message':
      addMessage(draft, item, place);
      break;
    case 'reasoning':
      conversation.reasoning((item.content ?? []).map(({ text }) => text).join('\n'));
      break;
    case 'function_call':
      conversation.call({ id: item.call_id, name: item.name, arguments: item.arguments });
      break;
    case 'function_call_output':
      if (conversation.result(item.call_id, shownContent(item.output, `${place}.output`, attachments))) break;
      throw new ApiError(
        API_ERRORS.INVALID_VALUE,
        `'${place}.call_id': there is no function_call '${item.call_id}' before its output.`,
        { param: `${place}.call_id` },
      );
    default:
      // References have been replaced by what they name.
      break;
  }
}

function addMessage({ conversation, attachments }: Draft, { role, content }: Message, place: string): void {
  const where = `${place}.content`;
  if (role === 'user') conversation.user(shownContent(content, where, attachments));
  else if (role === 'assistant') conversation.assistant(textContent(content, where, role));
  // Templates do not know OpenAI's newer name of the system role.
  else conversation.system(textContent(content, where, role));
}
