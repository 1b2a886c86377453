/** Part of a message's content as workers take it. */
type MessagePart =
  | { readonly type: 'text'; readonly text: string }
  /** An image or a document: its place among the prompt's media. */
  | { readonly type: 'media'; readonly media: number };

/** A text where that is all: what text models get never looks otherwise. */
export type MessageContent = string | readonly MessagePart[];

/** One content behind another. Texts that meet become one, with the separator between them. */
export function joinContents(
  first: MessageContent,
  second: MessageContent,
  separator: string,
): MessageContent {
  if (typeof first === 'string' && typeof second === 'string') return first + separator + second;
  const before = partsOf(first);
  const after = partsOf(second);
  const last = before.at(-1);
  const [next, ...rest] = after;
  if (last?.type !== 'text' || next?.type !== 'text') return [...before, ...after];
  return [...before.slice(0, -1), { type: 'text', text: last.text + separator + next.text }, ...rest];
}

/** The text that a content begins with; empty where that is an image. */
export function leadingText(content: MessageContent): string {
  if (typeof content === 'string') return content;
  const [first] = content;
  return first?.type === 'text' ? first.text : '';
}

function partsOf(content: MessageContent): readonly MessagePart[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}
