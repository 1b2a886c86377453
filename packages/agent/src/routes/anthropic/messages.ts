import { randomBytes } from 'node:crypto';
import { messagesRequestSchema, UNSUPPORTED_MESSAGES_OPTIONS } from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../agent-services.ts';
import { parsePriority } from '../../answering/generation-plan.ts';
import { refuseOptions } from '../../answering/refuse-options.ts';
import { respond } from '../../answering/respond.ts';
import { WholeBlocks } from '../../answering/whole-blocks.ts';
import { parseBody } from '../parse-body.ts';
import { sendAnthropicError } from './anthropic-errors.ts';
import { finishedMessage, newMessage, thinkingDisplay } from './message-object.ts';
import { MessageStream, PING } from './message-stream.ts';
import { messagesPlan } from './messages-plan.ts';
import { unknownRoutes } from './unknown-routes.ts';

/** `POST /v1/messages`, and what there is not below it. */
export function messages(app: FastifyInstance, services: AgentServices, bodyLimit: number): void {
  unknownRoutes(app);
  const route = { bodyLimit, errorHandler: sendAnthropicError, config: { modelWork: true } };
  app.post('/v1/messages', route, async (request, reply) => {
    const body = parseBody(messagesRequestSchema, request.body);
    refuseOptions(body, UNSUPPORTED_MESSAGES_OPTIONS);
    const plan = messagesPlan(body, parsePriority(request.headers['x-priority']));
    const id = `msg_${randomBytes(12).toString('hex')}`;
    const { model } = plan;
    const display = thinkingDisplay(body.thinking);
    const start = newMessage(id, model, { tokens: 0, cachedTokens: 0, imageTokens: 0 });
    return await respond(services, request, reply, {
      plan,
      id,
      stream: body.stream ?? false,
      heartbeat: PING,
      headers: { 'request-id': request.id },
      whole: () =>
        new WholeBlocks((blocks, finish, summary) =>
          finishedMessage(start, blocks, display, finish, summary),
        ),
      streamed: (stream) => new MessageStream({ stream, id, model, display, requestId: request.id }),
    });
  });
}
