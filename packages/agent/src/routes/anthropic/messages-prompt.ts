import type {
  AnthropicMessageParam,
  AssistantBlock,
  CountTokensRequest,
  UserBlock,
} from '@mlxfleet/protocol';
import { imageRefusal } from '../../answering/image-refusal.ts';
import { TemplateMessages } from '../../answering/template-messages.ts';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';

type ToolResult = Extract<UserBlock, { type: 'tool_result' }>;

/**
 * The conversation as chat templates take it. What one side says in a row is one message.
 * @throws ApiError IMAGES_NOT_SUPPORTED, or INVALID_VALUE for the result of a tool that was not used.
 */
export function templateMessages({
  system,
  messages,
}: Pick<CountTokensRequest, 'system' | 'messages'>): Record<string, unknown>[] {
  const conversation = new TemplateMessages(true);
  for (const { text } of blocksOf(system ?? [])) conversation.system(text);
  for (const [index, message] of messages.entries()) {
    addMessage(conversation, message, `messages.${String(index)}.content`);
  }
  return conversation.messages;
}

function addMessage(conversation: TemplateMessages, message: AnthropicMessageParam, place: string): void {
  switch (message.role) {
    case 'user':
      for (const [index, block] of blocksOf(message.content).entries()) {
        addUserBlock(conversation, block, `${place}.${String(index)}`);
      }
      break;
    case 'assistant':
      for (const block of blocksOf(message.content)) addAssistantBlock(conversation, block);
      break;
    case 'system':
      for (const { text } of blocksOf(message.content)) conversation.system(text);
      break;
  }
}

interface PlainText {
  readonly type: 'text';
  readonly text: string;
}

function blocksOf<Block>(content: string | readonly Block[]): readonly (Block | PlainText)[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

function addAssistantBlock(conversation: TemplateMessages, block: AssistantBlock | PlainText): void {
  switch (block.type) {
    case 'text':
      conversation.assistant(block.text);
      break;
    case 'thinking':
      conversation.reasoning(block.thinking);
      break;
    case 'tool_use':
      conversation.call({ id: block.id, name: block.name, arguments: JSON.stringify(block.input) });
      break;
    case 'redacted_thinking':
      // Of another server: nothing here can read it.
      break;
  }
}

function addUserBlock(conversation: TemplateMessages, block: UserBlock | PlainText, place: string): void {
  switch (block.type) {
    case 'text':
      conversation.user(block.text);
      break;
    case 'image':
      throw imageRefusal(place);
    case 'tool_result':
      if (conversation.result(block.tool_use_id, resultText(block, place))) break;
      throw new ApiError(
        API_ERRORS.INVALID_VALUE,
        `'${place}.tool_use_id': there is no tool_use '${block.tool_use_id}' before its result.`,
        { param: `${place}.tool_use_id` },
      );
  }
}

/** Templates have no field for a failure, so that the text says it. */
function resultText({ content, is_error: isError }: ToolResult, place: string): string {
  const text = blocksOf(content ?? '')
    .map((block, index) => {
      if (block.type === 'text') return block.text;
      throw imageRefusal(`${place}.content.${String(index)}`);
    })
    .join('\n');
  return isError === true && !/^\W*error/i.test(text) ? `Error: ${text}` : text;
}
