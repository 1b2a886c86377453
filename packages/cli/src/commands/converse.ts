import { createInterface } from 'node:readline/promises';
import { CodedError, parsePageRanges } from '@mlxfleet/protocol';
import type { Conversation } from '../agent-client/conversation.ts';
import { userMessage } from '../agent-client/message-parts.ts';
import { type Attachment, isPdf } from '../agent-client/read-attachment.ts';
import { ERRORS } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output/output.ts';
import { plainText } from '../output/plain-text.ts';
import { printError } from '../output/print-error.ts';
import type { ReadFile } from './chat-files.ts';
import { refuseManyImages } from './chat-refusals.ts';
import type { CommandContext } from './command-context.ts';
import type { NamedFile } from './image-command.ts';
import { TALK_COMMANDS, type TalkCommand, talkCommand } from './talk-command.ts';

/** A conversation in a terminal, with files that go with its next message. */
export interface Talk {
  readonly conversation: Pick<Conversation, 'say'>;
  readonly read: ReadFile;
  /** Of the first message already; each message that is answered takes all of them. */
  readonly attachments: Attachment[];
  /** Of documents, such as 1-3; undefined for all. */
  readonly pages: string | undefined;
  /** Images that the host takes in a request, those of earlier messages included. */
  readonly mostImages: number;
  /** Rejects for a model that is known to take text only. */
  readonly requireSeeing: () => Promise<void>;
}

const HOW_TO_LEAVE = 'Ctrl-C again ends this, as Ctrl-D and /quit do.';

function note(output: Output, text: string): void {
  output.notice(output.paintError('dim', plainText(text)));
}

function help(): string {
  const width = Math.max(...TALK_COMMANDS.map(([command]) => command.length));
  return TALK_COMMANDS.map(([command, does]) => `${command.padEnd(width)}  ${does}`).join('\n');
}

function namesOf(attachments: readonly Attachment[]): string {
  return attachments
    .map(({ name, pages }) => (pages === undefined ? name : `${name} (pages ${pages})`))
    .join(', ');
}

/** Adds the file of `/image` to the next message; a file that cannot be used is told and leaves the rest as it is. */
async function attach(
  { output, options }: CommandContext,
  talk: Talk,
  { file, pages }: NamedFile,
  imagesBefore: number,
): Promise<void> {
  if (file === '') {
    note(output, 'Name an image or a PDF: /image FILE');
    return;
  }
  try {
    const read = await talk.read(file);
    if (pages !== null) refusePages(read, pages);
    const attachment = pages === null ? read : { ...read, pages };
    refuseManyImages([...talk.attachments, attachment], talk.mostImages, imagesBefore);
    await talk.requireSeeing();
    talk.attachments.push(attachment);
    note(output, `${attachment.name} goes with your next message.`);
  } catch (error) {
    printError(output, error, { verbose: options.verbose === true });
  }
}

/** @throws CodedError WRONG_USAGE for what has no pages, and for what names none. */
function refusePages(attachment: Attachment, pages: string): void {
  if (!isPdf(attachment)) {
    throw new CodedError(ERRORS.WRONG_USAGE, `${attachment.name} is an image, and images have no pages`, {
      hint: 'Name it without pages, and a name that ends in digits in quotes.',
    });
  }
  if (parsePageRanges(pages) !== null) return;
  throw new CodedError(ERRORS.WRONG_USAGE, `${attachment.name}: "${pages}" names no pages`, {
    hint: `Pages are from 1 and run forwards: /image ${attachment.name} 1-3,5`,
  });
}

/** Takes a file away from the next message: the last one of that name, or of all. */
function drop(output: Output, { attachments }: Talk, file: string | null): void {
  const name = file?.replace(/^.*\//s, '');
  const index = attachments.findLastIndex((each) => name === undefined || each.name === name);
  const [dropped] = index === -1 ? [] : attachments.splice(index, 1);
  if (dropped !== undefined) note(output, `${dropped.name} does not go with your next message.`);
  note(output, attached(attachments));
}

function attached(attachments: readonly Attachment[]): string {
  return attachments.length === 0
    ? 'No file goes with your next message.'
    : `With your next message: ${namesOf(attachments)}`;
}

/** Asks for messages and streams the answers until the person ends it. */
export async function converse(context: CommandContext, talk: Talk): Promise<number> {
  const { output, stdin, signal } = context;
  const lines = createInterface({
    input: stdin,
    output: output.stderr,
    terminal: true,
    prompt: '› ',
    signal,
  });
  let answering: AbortController | null = null;
  let isWarned = false;
  let imagesShown = 0;
  // In this mode the terminal hands Ctrl-C to the line editor: it ends the answer, the line, or the second time all of it.
  lines.on('SIGINT', () => {
    if (answering !== null) {
      answering.abort();
    } else if (lines.line !== '') {
      lines.write(null, { ctrl: true, name: 'e' });
      lines.write(null, { ctrl: true, name: 'u' });
    } else if (isWarned) {
      lines.close();
    } else {
      isWarned = true;
      output.notice('');
      note(output, HOW_TO_LEAVE);
      lines.prompt();
    }
  });
  let isOpen = true;
  lines.once('close', () => {
    isOpen = false;
  });
  lines.prompt();
  // What is typed, or pasted, during an answer waits for its turn.
  for await (const line of lines) {
    isWarned = false;
    const command = talkCommand(line);
    if (command.kind === 'quit') break;
    if (command.kind !== 'say') {
      await obey(context, talk, command, imagesShown);
    } else if (command.text.trim() !== '') {
      answering = new AbortController();
      imagesShown += await answer(context, talk, command.text, answering.signal);
      answering = null;
    }
    if (signal.aborted) break;
    // At the end of its input it is closed before its last lines are dealt with.
    if (isOpen) lines.prompt();
  }
  lines.close();
  output.notice('');
  return EXIT.done;
}

/** Does what a command asks for; nothing of it goes to the model. */
async function obey(
  context: CommandContext,
  talk: Talk,
  command: Exclude<TalkCommand, { readonly kind: 'say' | 'quit' }>,
  imagesShown: number,
): Promise<void> {
  const { output } = context;
  const { attachments } = talk;
  switch (command.kind) {
    case 'image':
      await attach(context, talk, command, imagesShown);
      break;
    case 'drop':
      drop(output, talk, command.file);
      break;
    case 'images':
      note(output, attached(attachments));
      break;
    case 'clear':
      attachments.length = 0;
      note(output, attached(attachments));
      break;
    case 'help':
      note(output, help());
      break;
    case 'unknown':
      note(output, `There is no command "${command.line}"; nothing was sent. There are:\n${help()}`);
      break;
  }
}

/**
 * Streams one answer; an error is told and leaves the conversation as it was, and the files attached. `ended` is the
 * person's own end of it. Answers how many images the conversation has had with it, and has from now on.
 */
async function answer(
  context: CommandContext,
  talk: Talk,
  prompt: string,
  ended: AbortSignal,
): Promise<number> {
  const { output, signal, options } = context;
  const { attachments } = talk;
  const said = userMessage(prompt, attachments, talk.pages);
  try {
    const stop = AbortSignal.any([signal, ended]);
    await talk.conversation.say(said, (text) => output.write(plainText(text)), stop);
    const images = attachments.filter((attachment) => !isPdf(attachment)).length;
    attachments.length = 0;
    output.write('\n\n');
    return images;
  } catch (error) {
    output.write('\n');
    if (!signal.aborted && !ended.aborted) printError(output, error, { verbose: options.verbose === true });
    // It may be a file that it fails for, and it may be a word of the prompt.
    if (!signal.aborted && attachments.length > 0) {
      note(
        output,
        `Still with your next message: ${namesOf(attachments)}; /drop takes the last one away, /clear all.`,
      );
    }
    return 0;
  }
}
