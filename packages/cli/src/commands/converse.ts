import { createInterface } from 'node:readline/promises';
import type { Conversation } from '../agent-client/conversation.ts';
import { userMessage } from '../agent-client/message-parts.ts';
import type { Attachment } from '../agent-client/read-attachment.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output/output.ts';
import { plainText } from '../output/plain-text.ts';
import { printError } from '../output/print-error.ts';
import type { ReadFile } from './chat-files.ts';
import type { CommandContext } from './command-context.ts';
import { TALK_COMMANDS, type TalkCommand, talkCommand } from './talk-command.ts';

/** A conversation in a terminal, with files that go with its next message. */
export interface Talk {
  readonly conversation: Pick<Conversation, 'say'>;
  readonly read: ReadFile;
  /** Of the first message already; each message that is answered takes all of them. */
  readonly attachments: Attachment[];
  /** Of documents, such as 1-3; undefined for all. */
  readonly pages: string | undefined;
}

function note(output: Output, text: string): void {
  output.notice(output.paintError('dim', plainText(text)));
}

function help(): string {
  const width = Math.max(...TALK_COMMANDS.map(([command]) => command.length));
  return TALK_COMMANDS.map(([command, does]) => `${command.padEnd(width)}  ${does}`).join('\n');
}

function namesOf(attachments: readonly Attachment[]): string {
  return attachments.map(({ name }) => name).join(', ');
}

/** Adds the file of `/image` to the next message; a file that cannot be used is told and leaves the rest as it is. */
async function attach({ output, options }: CommandContext, talk: Talk, file: string): Promise<void> {
  if (file === '') {
    note(output, 'Name an image or a PDF: /image FILE');
    return;
  }
  try {
    const attachment = await talk.read(file);
    talk.attachments.push(attachment);
    note(output, `${attachment.name} goes with your next message.`);
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
    const command = talkCommand(line);
    if (command.kind !== 'say') {
      await obey(context, talk, command);
    } else if (command.text.trim() !== '') {
      answering = new AbortController();
      await answer(context, talk, command.text, answering.signal);
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
  command: Exclude<TalkCommand, { readonly kind: 'say' }>,
): Promise<void> {
  const { output } = context;
  const { attachments } = talk;
  switch (command.kind) {
    case 'image':
      await attach(context, talk, command.file);
      break;
    case 'images':
      note(
        output,
        attachments.length === 0
          ? 'No file goes with your next message.'
          : `With your next message: ${namesOf(attachments)}`,
      );
      break;
    case 'clear':
      attachments.length = 0;
      note(output, 'No file goes with your next message.');
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
 * person's own end of it.
 */
async function answer(
  context: CommandContext,
  talk: Talk,
  prompt: string,
  ended: AbortSignal,
): Promise<void> {
  const { output, signal, options } = context;
  const { attachments } = talk;
  const said = userMessage(prompt, attachments, talk.pages);
  try {
    const stop = AbortSignal.any([signal, ended]);
    await talk.conversation.say(said, (text) => output.write(plainText(text)), stop);
    attachments.length = 0;
    output.write('\n\n');
  } catch (error) {
    output.write('\n');
    if (!signal.aborted && !ended.aborted) printError(output, error, { verbose: options.verbose === true });
    // It may be a file that it fails for, and it may be a word of the prompt.
    if (!signal.aborted && attachments.length > 0) {
      note(output, `Still with your next message: ${namesOf(attachments)}; /clear takes them away.`);
    }
  }
}
