import { type ChatDocument, CodedError, JSON_SCHEMA_VERSION } from '@mlxfleet/protocol';
import type { Target } from '../deploy-types/target.ts';
import { ChatClient } from '../agent-client/chat-client.ts';
import { type Answer, Conversation } from '../agent-client/conversation.ts';
import { isPdf } from '../agent-client/read-attachment.ts';
import { type UserMessage, userMessage } from '../agent-client/message-parts.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { selectHosts } from '../config/select-hosts.ts';
import { ERRORS } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output/output.ts';
import { plainText } from '../output/plain-text.ts';
import { type AgentAccess, findAgent, readAdminToken } from './agent-access.ts';
import { canAsk } from './ask.ts';
import { fileReader, refuseStrayFiles } from './chat-files.ts';
import { refuseManyImages, refuseUnseen } from './chat-refusals.ts';
import { chooseModel, chooseSeeingModel } from './choose-model.ts';
import { type CommandContext, selectionOf } from './command-context.ts';
import { converse } from './converse.ts';
import { withTargets } from './with-targets.ts';

export interface ChatOptions {
  readonly model?: string;
  /** Files to show with the prompt. */
  readonly image?: readonly string[];
  /** Of each document among them, such as 1-3. */
  readonly pages?: string;
  readonly system?: string;
  readonly maxTokens?: number;
  readonly temperature?: number;
}

/** Splits the words of `chat` into the hosts to try and those of the prompt: the first word is a host when it names one. */
export function splitWords(
  words: readonly string[],
  hosts: readonly ResolvedHost[],
): { hosts: readonly ResolvedHost[]; words: readonly string[] } {
  const [first, ...rest] = words;
  const names = new Set([...hosts.map(({ name }) => name), ...hosts.flatMap(({ labels }) => labels)]);
  if (first === undefined || !names.has(first)) return { hosts, words };
  return { hosts: selectHosts(hosts, [first]), words: rest };
}

async function readAll(stream: CommandContext['stdin']): Promise<string> {
  let text = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) text += String(chunk);
  return text.trim();
}

function speedOf(answer: Answer): string {
  const speed = answer.timings?.tokens_per_second ?? null;
  const parts = [
    answer.usage === null ? null : `${answer.usage.completion_tokens} tokens`,
    speed === null ? null : `${Math.round(speed)} tok/s`,
    answer.finishReason === 'length' ? 'cut at the longest length' : null,
  ];
  return parts.filter((part) => part !== null).join(', ');
}

/** The first of the targets whose agent answers. */
async function firstAgent(
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<{ target: Target; access: AgentAccess }> {
  const errors: CodedError[] = [];
  for (const target of targets) {
    try {
      return { target, access: await findAgent(target, signal) };
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      errors.push(error);
    }
  }
  const [first] = errors;
  if (first !== undefined && errors.length === 1) throw first;
  throw new CodedError(
    ERRORS.AGENT_NOT_RUNNING,
    `no host answers: ${errors.map((error) => error.message).join('; ')}`,
    { hint: 'See the fleet: mlxfleet status' },
  );
}

async function answerOnce(
  output: Output,
  conversation: Conversation,
  said: UserMessage,
  signal: AbortSignal,
): Promise<Answer> {
  const stop = AbortSignal.any([signal, output.closed]);
  let atLineStart = true;
  try {
    return await conversation.say(
      said,
      (text) => {
        if (output.json) return;
        output.write(plainText(text));
        atLineStart = text.endsWith('\n');
      },
      stop,
    );
  } finally {
    if (!atLineStart) output.write('\n');
  }
}

/** `mlxfleet chat`. */
export async function runChat(
  context: CommandContext,
  words: readonly string[],
  options: ChatOptions,
): Promise<number> {
  const { output, signal } = context;
  const { all } = await selectionOf(context, []);
  const { hosts, words: asked } = splitWords(words, all);
  await refuseStrayFiles(context, asked, options.image ?? []);
  const spoken = asked.join(' ');
  const read = fileReader(context, hosts);
  const attachments = await Promise.all((options.image ?? []).map(read));
  const isConversation = spoken === '' && canAsk(context);
  const prompt = spoken === '' && !isConversation ? await readAll(context.stdin) : spoken;
  if (prompt === '' && !isConversation) {
    throw new CodedError(ERRORS.WRONG_USAGE, 'there is nothing to ask: no prompt, and stdin is empty', {
      hint: 'For example: mlxfleet chat "What is the capital of France?"',
    });
  }
  const isForNothing = !isConversation && !attachments.some((attachment) => isPdf(attachment));
  if (options.pages !== undefined && isForNothing) {
    throw new CodedError(ERRORS.WRONG_USAGE, '--pages is for PDFs, and none is named', {
      hint: 'For example: mlxfleet chat --image report.pdf --pages 1-3 "What is this about?"',
    });
  }
  return withTargets(context, { selected: hosts, all }, { acceptNew: false }, async (targets) => {
    const { target, access } = await firstAgent(targets, signal);
    const { settings, host } = target;
    const usual = chooseModel(options.model, access.status, settings);
    const { max_images: mostImages } = settings.agentConfig.images;
    refuseManyImages(attachments, mostImages);
    const port = access.status?.ports.main ?? settings.agentConfig.api.port;
    const adminToken = await readAdminToken(target, access.root, signal);
    await using client = new ChatClient(host, { port, adminToken });
    const isFree = options.model === undefined && attachments.length > 0;
    const models = attachments.length > 0 ? await client.models(signal) : [];
    const model = isFree ? chooseSeeingModel(usual, models, access.status, settings) : usual;
    if (attachments.length > 0) refuseUnseen(settings.name, model, models);
    if (model !== usual)
      output.notice(`${plainText(usual)} is shown no images; ${plainText(model)} is asked.`);
    const question = {
      model,
      ...(options.maxTokens === undefined ? {} : { max_tokens: options.maxTokens }),
      ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
    };
    const conversation = new Conversation(client, question, options.system);
    if (isConversation) {
      output.notice(
        output.paintError(
          'dim',
          `${model} on ${settings.name}. Ctrl-C ends an answer, /quit this; /image FILE shows an image or a PDF, /help lists the rest.`,
        ),
      );
      // Awaited here, so that the client lives as long as the conversation.
      return await converse(context, {
        conversation,
        read,
        attachments,
        pages: options.pages,
        mostImages,
        requireSeeing: async () => refuseUnseen(settings.name, model, await client.models(signal)),
      });
    }
    const said = userMessage(prompt, attachments, options.pages);
    const answer = await answerOnce(output, conversation, said, signal);
    if (output.json) {
      const { content, finishReason, usage, timings } = answer;
      const document: ChatDocument = {
        schemaVersion: JSON_SCHEMA_VERSION,
        host: settings.name,
        model,
        content,
        finishReason,
        usage,
        timings,
      };
      output.document(document);
    } else if (output.stderr.isTTY === true) {
      output.notice(output.paintError('dim', `${settings.name}, ${model}: ${speedOf(answer)}`));
    }
    return EXIT.done;
  });
}
