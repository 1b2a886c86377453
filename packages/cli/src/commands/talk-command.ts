import { imageCommand } from './image-command.ts';

/** What a line of a conversation asks for. */
export type TalkCommand =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'image'; readonly file: string }
  | { readonly kind: 'images' | 'clear' | 'help' }
  | { readonly kind: 'unknown'; readonly line: string };

/** What a person may type, and what it does. */
export const TALK_COMMANDS = [
  ['/image FILE', 'shows an image or a PDF with your next message'],
  ['/images', 'lists what goes with your next message'],
  ['/clear', 'takes all of that away again'],
  ['/help', 'lists these'],
  ['//text', 'says /text to the model'],
] as const;

const EXACT: ReadonlyMap<string, 'images' | 'clear' | 'help'> = new Map([
  ['/images', 'images'],
  ['/clear', 'clear'],
  ['/help', 'help'],
]);

/**
 * A line that begins with a slash is a command and nothing else: a typo would go to the model as a prompt, and take the
 * attached files with it. A second slash says that it is a prompt.
 */
export function talkCommand(line: string): TalkCommand {
  const trimmed = line.trim();
  if (!trimmed.startsWith('/')) return { kind: 'say', text: line };
  if (trimmed.startsWith('//')) return { kind: 'say', text: line.replace('/', '') };
  const file = imageCommand(line);
  if (file !== null) return { kind: 'image', file };
  const kind = EXACT.get(trimmed);
  return kind === undefined ? { kind: 'unknown', line: trimmed } : { kind };
}
