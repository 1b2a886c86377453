import { chatRequestSchema, UNSUPPORTED_CHAT_OPTIONS } from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../state/agent-state.ts';
import { parseBody } from '../parse-body.ts';
import { answer } from './answer.ts';
import { chatFormat } from './answer-format.ts';
import { chatPrompt } from './chat-prompt.ts';
import { generationPlan, parsePriority } from './generation-plan.ts';
import { refuseOptions } from './refuse-options.ts';

/** `POST /v1/chat/completions`. */
export function chatCompletions(app: FastifyInstance, services: AgentServices, bodyLimit: number): void {
  app.post('/v1/chat/completions', { bodyLimit }, async (request, reply) => {
    const body = parseBody(chatRequestSchema, request.body);
    refuseOptions(body, UNSUPPORTED_CHAT_OPTIONS);
    const maxTokens = body.max_completion_tokens ?? body.max_tokens ?? null;
    const priority = parsePriority(request.headers['x-priority']);
    return await answer(services, request, reply, {
      plan: generationPlan(body, { prompts: [chatPrompt(body)], maxTokens, priority }),
      stream: body.stream ?? false,
      includeUsage: body.stream_options?.include_usage ?? false,
      returnTokenIds: body.return_token_ids ?? false,
      idPrefix: 'chatcmpl',
      format: chatFormat,
    });
  });
}
