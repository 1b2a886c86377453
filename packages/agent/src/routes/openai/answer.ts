import { randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AgentServices } from '../../state/agent-state.ts';
import type { AnswerFormat, FormatOptions } from './answer-format.ts';
import type { GenerationPlan } from './generation-plan.ts';
import { COMMENT_HEARTBEAT, respond } from './respond.ts';
import { StreamedAnswer } from './streamed-answer.ts';
import { WholeAnswer } from './whole-answer.ts';

export interface AnswerOptions {
  readonly plan: GenerationPlan;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly returnTokenIds: boolean;
  /** `chatcmpl` or `cmpl`. */
  readonly idPrefix: string;
  readonly format: (options: FormatOptions) => AnswerFormat;
}

/** Answers with choices, as chat and plain completions do. */
export async function answer(
  services: AgentServices,
  request: FastifyRequest,
  reply: FastifyReply,
  options: AnswerOptions,
): Promise<FastifyReply> {
  const { plan, includeUsage, returnTokenIds } = options;
  const id = `${options.idPrefix}-${randomBytes(12).toString('hex')}`;
  const format = options.format({
    header: { id, created: Math.floor(Date.now() / 1000), model: plan.model },
    includeUsage,
    returnTokenIds,
  });
  return await respond(services, request, reply, {
    plan,
    id,
    stream: options.stream,
    heartbeat: COMMENT_HEARTBEAT,
    whole: () => new WholeAnswer(format, plan.prompts.length * plan.choicesPerPrompt),
    streamed: (stream) => new StreamedAnswer({ stream, format, includeUsage, returnTokenIds }),
  });
}
