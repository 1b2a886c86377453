import { completionRequestSchema, UNSUPPORTED_COMPLETION_OPTIONS } from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../../agent-services.ts';
import { parsePriority } from '../../../answering/generation-plan.ts';
import { refuseOptions } from '../../../answering/refuse-options.ts';
import { parseBody } from '../../parse-body.ts';
import { answer } from '../choices/answer.ts';
import { completionFormat } from './completions-format.ts';
import { completionPlan } from './completions-plan.ts';

/** `POST /v1/completions`. */
export function completions(app: FastifyInstance, services: AgentServices, bodyLimit: number): void {
  app.post(
    '/v1/completions',
    { bodyLimit, config: { modelWork: true, tokenLists: true } },
    async (request, reply) => {
      const body = parseBody(completionRequestSchema, request.body);
      refuseOptions(body, UNSUPPORTED_COMPLETION_OPTIONS);
      const { plan, echoes } = completionPlan(body, parsePriority(request.headers['x-priority']));
      return await answer(services, request, reply, body, {
        plan,
        idPrefix: 'cmpl',
        format: (options) => completionFormat({ ...options, logprobs: plan.logprobs, echoes }),
      });
    },
  );
}
