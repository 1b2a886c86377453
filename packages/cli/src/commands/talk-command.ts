import { imageCommand, type NamedFile, unquoted } from './image-command.ts';

/** What a line of a conversation asks for. */
export type TalkCommand =
  | { readonly kind: 'say'; readonly text: string }
  | ({ readonly kind: 'image' } & NamedFile)
  /** Null for the last one. */
  | { readonly kind: 'drop'; readonly file: string | null }
  | { readonly kind: 'images' | 'clear' | 'help' | 'quit' }
  | { readonly kind: 'unknown'; readonly line: string };

/** What a person may type, and what it does. */
export const TALK_COMMANDS = [
  ['/image FILE [PAGES]', 'shows an image or a PDF with your next message, of a PDF pages such as 1-3,5'],
  ['/images', 'lists what goes with your next message'],
  ['/drop [FILE]', 'takes one file of that away again, the last one unless you name it'],
  ['/clear', 'takes all of that away again'],
  ['/help', 'lists these'],
  ['/quit', 'ends this, as /exit and Ctrl-D do'],
  ['//text', 'says /text to the model'],
] as const;

const EXACT: ReadonlyMap<string, 'images' | 'clear' | 'help' | 'quit'> = new Map([
  ['/images', 'images'],
  ['/clear', 'clear'],
  ['/help', 'help'],
  ['/quit', 'quit'],
  ['/exit', 'quit'],
]);

/**
 * A line that begins with a slash is a command and nothing else: a typo would go to the model as a prompt, and take the
 * attached files with it. A second slash says that it is a prompt.
 */
export function talkCommand(line: string): TalkCommand {
  const trimmed = line.trim();
  if (!trimmed.startsWith('/')) return { kind: 'say', text: line };
  if (trimmed.startsWith('//')) return { kind: 'say', text: line.replace('/', '') };
  const named = imageCommand(line);
  if (named !== null) return { kind: 'image', ...named };
  const [isDrop, dropped = ''] = /^\/drop(?:\s+(.*))?$/s.exec(trimmed) ?? [];
  if (isDrop !== undefined) return { kind: 'drop', file: dropped === '' ? null : unquoted(dropped) };
  const kind = EXACT.get(trimmed);
  return kind === undefined ? { kind: 'unknown', line: trimmed } : { kind };
}
