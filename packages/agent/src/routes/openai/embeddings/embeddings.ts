import {
  type Embeddings,
  embeddingsRequestSchema,
  type EmbeddingsRequest,
  UNSUPPORTED_EMBEDDINGS_OPTIONS,
} from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../../agent-services.ts';
import { askModel } from '../../../answering/ask-model.ts';
import { refuseOptions } from '../../../answering/refuse-options.ts';
import { requireTask } from '../../../answering/require-task.ts';
import { parseBody } from '../../parse-body.ts';
import { type AskToEmbed, embed, type EmbeddingInput } from './embeddings-batches.ts';

/** `POST /v1/embeddings`. */
export function embeddings(app: FastifyInstance, services: AgentServices, bodyLimit: number): void {
  app.post(
    '/v1/embeddings',
    { bodyLimit, config: { modelWork: true, tokenLists: true } },
    async (request, reply) => {
      const body = parseBody(embeddingsRequestSchema, request.body);
      refuseOptions(body, UNSUPPORTED_EMBEDDINGS_OPTIONS);
      return await askModel(services, reply, {
        model: body.model,
        ask: async (runtime, signal): Promise<Embeddings> => {
          requireTask(runtime, 'embed');
          const ask: AskToEmbed = async (question, either) => await runtime.ask(question, either);
          const answer = await embed(ask, inputs(body.input), body.dimensions ?? null, signal);
          services.metrics.promptTokens.inc({ model_name: body.model }, answer.promptTokens);
          const isText = body.encoding_format === 'base64';
          return {
            object: 'list',
            data: answer.vectors.map((vector, index) => ({
              object: 'embedding',
              index,
              embedding: isText ? vector : numbers(vector),
            })),
            model: body.model,
            usage: { prompt_tokens: answer.promptTokens, total_tokens: answer.promptTokens },
          };
        },
      });
    },
  );
}

/** One input or several, each as text or as token ids. */
function inputs(input: EmbeddingsRequest['input']): EmbeddingInput[] {
  if (typeof input === 'string') return [input];
  const several: EmbeddingInput[] = [];
  const single: number[] = [];
  for (const part of input) {
    if (typeof part === 'number') single.push(part);
    else several.push(part);
  }
  return single.length > 0 ? [single] : several;
}

/** The components of a vector that came as base64 of little-endian 32-bit floats. */
function numbers(vector: string): number[] {
  const bytes = Buffer.from(vector, 'base64');
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
}
