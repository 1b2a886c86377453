import { randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AgentServices } from '../../../agent-services.ts';
import type { GenerationPlan } from '../../../answering/generation-plan.ts';
import { COMMENT_HEARTBEAT, respond } from '../../../answering/respond.ts';
import type { AnswerFormat, FormatOptions } from './answer-format.ts';
import { StreamedAnswer } from './streamed-answer.ts';
import { WholeAnswer } from './whole-answer.ts';

/** The part of a request that says how its answer is sent. */
interface AnswerWishes {
  readonly stream?: boolean | null | undefined;
  readonly stream_options?: { readonly include_usage?: boolean | null | undefined } | null | undefined;
  readonly return_token_ids?: boolean | null | undefined;
}

export interface AnswerOptions {
  readonly plan: GenerationPlan;
  /** `chatcmpl` or `cmpl`. */
  readonly idPrefix: string;
  readonly format: (options: FormatOptions) => AnswerFormat;
}

/** Answers with choices, as chat and plain completions do. */
export async function answer(
  services: AgentServices,
  request: FastifyRequest,
  reply: FastifyReply,
  wishes: AnswerWishes,
  options: AnswerOptions,
): Promise<FastifyReply> {
  const { plan, idPrefix } = options;
  const id = `${idPrefix}-${randomBytes(12).toString('hex')}`;
  const choices = plan.prompts.length * plan.choicesPerPrompt;
  const includeUsage = wishes.stream_options?.include_usage ?? false;
  const format = options.format({
    id,
    model: plan.model,
    created: Math.floor(Date.now() / 1000),
    choices,
    includeUsage,
    returnTokenIds: wishes.return_token_ids ?? false,
  });
  return await respond(services, request, reply, {
    plan,
    id,
    stream: wishes.stream ?? false,
    heartbeat: COMMENT_HEARTBEAT,
    whole: () => new WholeAnswer(choices, (answered) => format.whole(answered)),
    streamed: (stream) => new StreamedAnswer(stream, format, includeUsage),
  });
}
