import { createInterface } from 'node:readline/promises';
import type { Conversation } from '../agent-client/conversation.ts';
import { messageContent } from '../agent-client/message-parts.ts';
import type { Attachment } from '../agent-client/read-attachment.ts';
import { EXIT } from '../exit-codes.ts';
import { plainText } from '../output/plain-text.ts';
import { printError } from '../output/print-error.ts';
import type { ReadFile } from './chat-files.ts';
import type { CommandContext } from './command-context.ts';
import { imageCommand } from './image-command.ts';

/** A conversation in a terminal, with files that go with its next message. */
export interface Talk {
  readonly conversation: Pick<Conversation, 'say'>;
  readonly read: ReadFile;
  /** Of the first message already; each message takes all of them. */
  readonly attachments: Attachment[];
  /** Of documents, such as 1-3; undefined for all. */
  readonly pages: string | undefined;
}

/** Adds the file of `/image` to the next message; a file that cannot be used is told and leaves the rest as it is. */
async function attach({ output, options }: CommandContext, talk: Talk, file: string): Promise<void> {
  if (file === '') {
    output.notice(output.paintError('dim', 'Name an image or a PDF: /image FILE'));
    return;
  }
  try {
    const attachment = await talk.read(file);
    talk.attachments.push(attachment);
    output.notice(output.paintError('dim', `${attachment.name} goes with your next message.`));
  } catch (error) {
    printError(output, error, { verbose: options.verbose === true });
  }
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
  // In this mode the terminal hands Ctrl-C to the line editor: it ends the answer, or the conversation.
  lines.on('SIGINT', () => {
    if (answering === null) lines.close();
    else answering.abort();
  });
  let isOpen = true;
  lines.once('close', () => {
    isOpen = false;
  });
  lines.prompt();
  // What is typed, or pasted, during an answer waits for its turn.
  for await (const line of lines) {
    const file = imageCommand(line);
    if (file !== null) {
      await attach(context, talk, file);
    } else if (line.trim() !== '') {
      answering = new AbortController();
      await answer(context, talk, line, answering.signal);
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

/** Streams one answer; an error is told and leaves the conversation as it was. `ended` is the person's own end of it. */
async function answer(
  context: CommandContext,
  talk: Talk,
  prompt: string,
  ended: AbortSignal,
): Promise<void> {
  const { output, signal, options } = context;
  // A turn that fails is forgotten, and what it was to show too: it may be what it fails for.
  const said = messageContent(prompt, talk.attachments.splice(0), talk.pages);
  try {
    const stop = AbortSignal.any([signal, ended]);
    await talk.conversation.say(said, (text) => output.write(plainText(text)), stop);
    output.write('\n\n');
  } catch (error) {
    output.write('\n');
    if (!signal.aborted && !ended.aborted) printError(output, error, { verbose: options.verbose === true });
  }
}
