import type { AnthropicError } from '@mlxfleet/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ApiError } from '../../api-error.ts';
import { sendErrorAs } from '../../plugins/api-errors.ts';

/** The body of an error, for clients of Anthropic's API and of OpenAI's. */
export function anthropicError(error: ApiError, requestId: string): AnthropicError {
  const { message, param, code } = error.toBody().error;
  return { type: 'error', error: { type: errorType(error), message, param, code }, request_id: requestId };
}

/** Error handler of the routes of this API. */
export function sendAnthropicError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  reply.header('request-id', request.id);
  sendErrorAs(error, request, reply, (told) => anthropicError(told, request.id));
}

function errorType({ status, definition: { type } }: ApiError): AnthropicError['error']['type'] {
  if (status === 413) return 'request_too_large';
  if (status === 504) return 'timeout_error';
  if (type === 'service_unavailable_error') return 'overloaded_error';
  return type === 'server_error' ? 'api_error' : type;
}
