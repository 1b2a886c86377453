import type { ResponseInputItem, ResponseInputPart } from '@mlxfleet/protocol';
import { imageRefusal } from '../../../answering/image-refusal.ts';
import { TemplateMessages } from '../../../answering/template-messages.ts';
import { ApiError } from '../../../api-error.ts';
import { API_ERRORS } from '../../../errors.ts';

type Message = Extract<ResponseInputItem, { role: unknown }>;

/**
 * The conversation as chat templates take it.
 * @param earlier items of the responses that this one goes on from.
 * @param input items of this request; errors name their places.
 * @throws ApiError IMAGES_NOT_SUPPORTED, or INVALID_VALUE for the output of a call that was not made and for a call without
 *   its output.
 */
export function responsesMessages(
  instructions: string | null,
  earlier: readonly ResponseInputItem[],
  input: readonly ResponseInputItem[],
): Record<string, unknown>[] {
  const conversation = new TemplateMessages(false);
  if (instructions !== null && instructions !== '') conversation.system(instructions);
  for (const item of earlier) addItem(conversation, item, 'previous_response_id');
  for (const [index, item] of input.entries()) addItem(conversation, item, `input.${String(index)}`);
  if (conversation.unanswered !== null) {
    throw new ApiError(
      API_ERRORS.INVALID_VALUE,
      `No tool output found for function call ${conversation.unanswered}.`,
      { param: 'input' },
    );
  }
  return conversation.messages;
}

function addItem(conversation: TemplateMessages, item: ResponseInputItem, place: string): void {
  switch (item.type) {
    case undefined:
    case 'message':
      addMessage(conversation, item, place);
      break;
    case 'reasoning':
      conversation.reasoning((item.content ?? []).map(({ text }) => text).join('\n'));
      break;
    case 'function_call':
      conversation.call({ id: item.call_id, name: item.name, arguments: item.arguments });
      break;
    case 'function_call_output':
      if (conversation.result(item.call_id, textOf(item.output, `${place}.output`))) break;
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

function addMessage(conversation: TemplateMessages, { role, content }: Message, place: string): void {
  const text = textOf(content, `${place}.content`);
  if (role === 'assistant') conversation.assistant(text);
  else if (role === 'user') conversation.user(text);
  // Templates do not know OpenAI's newer name of the system role.
  else conversation.system(text);
}

function textOf(content: string | readonly ResponseInputPart[], place: string): string {
  if (typeof content === 'string') return content;
  return content
    .map((part, index) => {
      if (part.type === 'refusal') return part.refusal;
      if (part.type !== 'input_image') return part.text;
      throw imageRefusal(`${place}.${String(index)}`);
    })
    .join('');
}
