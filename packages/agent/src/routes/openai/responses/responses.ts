import { randomBytes } from 'node:crypto';
import {
  type ResponseDeleted,
  type ResponseObject,
  responsesRequestSchema,
  UNSUPPORTED_RESPONSES_OPTIONS,
} from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../../agent-services.ts';
import { parsePriority } from '../../../answering/generation-plan.ts';
import { refuseOptions } from '../../../answering/refuse-options.ts';
import { COMMENT_HEARTBEAT, respond } from '../../../answering/respond.ts';
import { type FinishAnswer, WholeBlocks } from '../../../answering/whole-blocks.ts';
import { ApiError } from '../../../api-error.ts';
import { API_ERRORS } from '../../../errors.ts';
import { keyOwner } from '../../../plugins/key-owner.ts';
import { withoutBody } from '../../../plugins/without-body.ts';
import { parseBody } from '../../parse-body.ts';
import { finishedResponse, newResponse } from './response-object.ts';
import { ResponseStream } from './response-stream.ts';
import { responsesInput } from './responses-input.ts';
import { responsesPlan } from './responses-plan.ts';

const URL = '/v1/responses';

interface OfResponse {
  readonly Params: { readonly id: string };
  readonly Querystring: Readonly<Record<string, unknown>>;
}

/** `POST /v1/responses`, and what may be done with a stored response. */
export function responses(app: FastifyInstance, services: AgentServices, bodyLimit: number): void {
  const { responses: store } = services;

  app.post(URL, { bodyLimit, config: { modelWork: true } }, async (request, reply) => {
    const body = parseBody(responsesRequestSchema, request.body);
    refuseOptions(body, UNSUPPORTED_RESPONSES_OPTIONS);
    const owner = keyOwner(request);
    const looked = responsesInput(body, owner, store);
    const plan = responsesPlan(looked, parsePriority(request.headers['x-priority']));
    const id = `resp_${randomBytes(12).toString('hex')}`;
    const begun = newResponse(body, id, unixSeconds());
    const finish: FinishAnswer<ResponseObject> = (blocks, end, summary) => {
      const response = finishedResponse(begun, blocks, end, summary, unixSeconds());
      if (response.store) store.put({ owner, response, input: looked.input });
      return response;
    };
    return await respond(services, request, reply, {
      plan,
      id,
      stream: body.stream ?? false,
      heartbeat: COMMENT_HEARTBEAT,
      whole: () => new WholeBlocks(finish),
      streamed: (stream) => new ResponseStream(stream, begun, finish),
    });
  });

  app.get<OfResponse>(`${URL}/:id`, async (request) => {
    const { id } = request.params;
    const { stream } = request.query;
    if (stream !== undefined && stream !== 'false') {
      throw new ApiError(
        API_ERRORS.UNSUPPORTED_PARAMETER,
        "'stream' is not supported: a stored response is not told again event by event.",
        { param: 'stream' },
      );
    }
    return store.get(id, keyOwner(request)) ?? notFound(id);
  });

  app.delete<OfResponse>(`${URL}/:id`, withoutBody, async (request): Promise<ResponseDeleted> => {
    const { id } = request.params;
    if (!store.delete(id, keyOwner(request))) notFound(id);
    return { id, object: 'response', deleted: true };
  });

  app.post<OfResponse>(
    `${URL}/:id/cancel`,
    { ...withoutBody, config: { modelWork: false } },
    async (request) => {
      const { id } = request.params;
      if (store.get(id, keyOwner(request)) === null) notFound(id);
      throw new ApiError(
        API_ERRORS.INVALID_VALUE,
        'Only responses in the background can be cancelled, and there are none: close the connection of a running request.',
      );
    },
  );
}

function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

function notFound(id: string): never {
  throw new ApiError(API_ERRORS.RESPONSE_NOT_FOUND, `Response with id '${id}' not found.`, { param: 'id' });
}
