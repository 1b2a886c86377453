import { joinContents, type MessageContent } from '../../answering/message-content.ts';

/**
 * Parts in their order; those of text that meet become one.
 * @param place of the content in the request.
 * @param partContent what one part is to the model, told where it stands.
 */
export function joinParts<Part>(
  content: string | readonly Part[],
  place: string,
  partContent: (part: Part, param: string) => MessageContent,
): MessageContent {
  if (typeof content === 'string') return content;
  return content.reduce<MessageContent>((before, part, index) => {
    const next = partContent(part, `${place}.${String(index)}`);
    return before === '' ? next : joinContents(before, next, '');
  }, '');
}
