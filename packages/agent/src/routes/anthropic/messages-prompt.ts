import type {
  AnthropicMessageParam,
  AssistantBlock,
  CountTokensRequest,
  ShownBlock,
  UserBlock,
} from '@mlxfleet/protocol';
import { Attachments } from '../../answering/attachments.ts';
import type { ChatPrompt } from '../../answering/chat-prompt.ts';
import { joinContents, leadingText, type MessageContent } from '../../answering/message-content.ts';
import { TemplateMessages } from '../../answering/template-messages.ts';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import { shownBlock } from './shown-block.ts';

type ToolResult = Extract<UserBlock, { type: 'tool_result' }>;

/** The messages of a request, and what they show. */
interface Conversation extends Pick<ChatPrompt, 'attachments'> {
  readonly messages: ChatPrompt['prompt']['messages'];
}

/**
 * The conversation as chat templates take it. What one side says in a row is one message.
 * @throws ApiError for what an image or a document cannot be, and INVALID_VALUE for the result of a tool that was not used.
 */
export function templateMessages({
  system,
  messages,
}: Pick<CountTokensRequest, 'system' | 'messages'>): Conversation {
  const conversation = new TemplateMessages(true);
  const attachments = new Attachments();
  for (const { text } of blocksOf(system ?? [])) conversation.system(text);
  for (const [index, message] of messages.entries()) {
    addMessage({ conversation, attachments }, message, `messages.${String(index)}.content`);
  }
  return { messages: conversation.messages, attachments: attachments.all };
}

/** What the messages so far have become. */
interface Draft {
  readonly conversation: TemplateMessages;
  readonly attachments: Attachments;
}

function addMessage(draft: Draft, message: AnthropicMessageParam, place: string): void {
  const { conversation } = draft;
  switch (message.role) {
    case 'user':
      for (const [index, block] of blocksOf(message.content).entries()) {
        addUserBlock(draft, block, `${place}.${String(index)}`);
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

type PlainText = Extract<ShownBlock, { type: 'text' }>;

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

function addUserBlock(
  { conversation, attachments }: Draft,
  block: UserBlock | PlainText,
  place: string,
): void {
  if (block.type !== 'tool_result') {
    conversation.user(shownBlock(block, place, attachments));
    return;
  }
  if (conversation.result(block.tool_use_id, resultContent(block, place, attachments))) return;
  throw new ApiError(
    API_ERRORS.INVALID_VALUE,
    `'${place}.tool_use_id': there is no tool_use '${block.tool_use_id}' before its result.`,
    { param: `${place}.tool_use_id` },
  );
}

/** Templates have no field for a failure, so that the text says it. */
function resultContent(
  { content, is_error: isError }: ToolResult,
  place: string,
  attachments: Attachments,
): MessageContent {
  const shown = blocksOf(content ?? '').map((block, index) =>
    shownBlock(block, `${place}.content.${String(index)}`, attachments),
  );
  const whole = shown.length === 0 ? '' : shown.reduce((before, next) => joinContents(before, next, '\n'));
  return isError === true && !/^\W*error/i.test(leadingText(whole))
    ? joinContents('Error: ', whole, '')
    : whole;
}
