import { type CountTokens, countTokensRequestSchema, UNSUPPORTED_MESSAGES_OPTIONS } from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../agent-services.ts';
import { askModel } from '../../answering/ask-model.ts';
import { shownPrompt } from '../../answering/generation-plan.ts';
import { refuseOptions } from '../../answering/refuse-options.ts';
import { requireTask } from '../../answering/require-task.ts';
import { cacheScope } from '../../plugins/key-owner.ts';
import { parseBody } from '../parse-body.ts';
import { sendAnthropicError } from './anthropic-errors.ts';
import { messagesPrompt } from './messages-plan.ts';

/** `POST /v1/messages/count_tokens`. */
export function countTokens(app: FastifyInstance, services: AgentServices, bodyLimit: number): void {
  const url = '/v1/messages/count_tokens';
  const route = { bodyLimit, errorHandler: sendAnthropicError, config: { modelWork: true } };
  app.post(url, route, async (request, reply) => {
    const body = parseBody(countTokensRequestSchema, request.body);
    refuseOptions(body, UNSUPPORTED_MESSAGES_OPTIONS);
    const { prompt, attachments } = messagesPrompt(body);
    reply.header('request-id', request.id);
    return await askModel(services, reply, {
      model: body.model,
      attachments,
      check: (runtime) => {
        requireTask(runtime, 'generate');
      },
      ask: async (runtime, signal, media): Promise<CountTokens> => {
        const question = {
          type: 'tokenize',
          prompt: shownPrompt(prompt, media),
          add_special_tokens: true,
          cache_scope: cacheScope(request, services.config.api.key_hashes),
        } as const;
        const { tokens } = await runtime.ask(question, signal);
        return { input_tokens: tokens.length };
      },
    });
  });
}
