import {
  type CompletionRequest,
  completionRequestSchema,
  type Prompt,
  UNSUPPORTED_COMPLETION_OPTIONS,
} from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../state/agent-state.ts';
import { parseBody } from '../parse-body.ts';
import { answer } from './answer.ts';
import { completionFormat } from './answer-format.ts';
import { generationPlan, parsePriority } from './generation-plan.ts';
import { refuseOptions } from './refuse-options.ts';

/** What OpenAI's API generates when a plain completion says nothing. */
const DEFAULT_MAX_TOKENS = 16;

/** `POST /v1/completions`. */
export function completions(app: FastifyInstance, services: AgentServices, bodyLimit: number): void {
  app.post('/v1/completions', { bodyLimit }, async (request, reply) => {
    const body = parseBody(completionRequestSchema, request.body);
    refuseOptions(body, UNSUPPORTED_COMPLETION_OPTIONS);
    const maxTokens = body.max_tokens ?? DEFAULT_MAX_TOKENS;
    const priority = parsePriority(request.headers['x-priority']);
    return await answer(services, request, reply, {
      plan: generationPlan(body, { prompts: textPrompts(body.prompt), maxTokens, priority }),
      stream: body.stream ?? false,
      includeUsage: body.stream_options?.include_usage ?? false,
      returnTokenIds: body.return_token_ids ?? false,
      idPrefix: 'cmpl',
      format: completionFormat,
    });
  });
}

/** One prompt or several, each as text or as token ids. */
function textPrompts(prompt: CompletionRequest['prompt']): Prompt[] {
  if (typeof prompt === 'string') return [{ kind: 'text', text: prompt }];
  const prompts: Prompt[] = [];
  const single: number[] = [];
  for (const part of prompt) {
    if (typeof part === 'string') prompts.push({ kind: 'text', text: part });
    else if (typeof part === 'number') single.push(part);
    else prompts.push({ kind: 'tokens', tokens: part });
  }
  return single.length > 0 ? [{ kind: 'tokens', tokens: single }] : prompts;
}
