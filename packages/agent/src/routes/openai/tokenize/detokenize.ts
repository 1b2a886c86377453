import { type Detokenization, detokenizeRequestSchema } from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../../agent-services.ts';
import { askModel } from '../../../answering/ask-model.ts';
import { parseBody } from '../../parse-body.ts';

/** `POST /v1/detokenize`. */
export function detokenize(app: FastifyInstance, services: AgentServices, bodyLimit: number): void {
  app.post(
    '/v1/detokenize',
    { bodyLimit, config: { modelWork: true, tokenLists: true } },
    async (request, reply) => {
      const body = parseBody(detokenizeRequestSchema, request.body);
      return await askModel(services, reply, {
        model: body.model,
        ask: async (runtime, signal): Promise<Detokenization> => {
          const { text } = await runtime.ask({ type: 'detokenize', tokens: body.tokens }, signal);
          return { text };
        },
      });
    },
  );
}
