import { chatRequestSchema, UNSUPPORTED_CHAT_OPTIONS } from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../../agent-services.ts';
import { parsePriority } from '../../../answering/generation-plan.ts';
import { refuseOptions } from '../../../answering/refuse-options.ts';
import { parseBody } from '../../parse-body.ts';
import { answer } from '../choices/answer.ts';
import { chatFormat } from './chat-format.ts';
import { chatPlan } from './chat-plan.ts';

/** `POST /v1/chat/completions`. */
export function chatCompletions(app: FastifyInstance, services: AgentServices, bodyLimit: number): void {
  app.post('/v1/chat/completions', { bodyLimit, config: { modelWork: true } }, async (request, reply) => {
    const body = parseBody(chatRequestSchema, request.body);
    refuseOptions(body, UNSUPPORTED_CHAT_OPTIONS);
    const plan = chatPlan(body, parsePriority(request.headers['x-priority']));
    return await answer(services, request, reply, body, {
      plan,
      idPrefix: 'chatcmpl',
      format: (options) => chatFormat({ ...options, logprobs: plan.logprobs !== null }),
    });
  });
}
