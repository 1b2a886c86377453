import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../api-error.ts';
import { API_ERRORS, type ApiErrorDefinition } from '../errors.ts';
import { TEXT_BODY_BYTES } from '../media/body-bytes.ts';
import { noteRefusal } from './refusal-log.ts';
import { sizeText } from './size-text.ts';

/** Fastify's own errors that a client can cause, as ours. */
const KNOWN: Readonly<Record<string, { definition: ApiErrorDefinition; message: string }>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    definition: API_ERRORS.UNSUPPORTED_MEDIA_TYPE,
    message: 'The Content-Type must be application/json.',
  },
  FST_ERR_CTP_EMPTY_JSON_BODY: {
    definition: API_ERRORS.BROKEN_JSON,
    message: 'The request body is empty; it must be a JSON object.',
  },
  FST_ERR_CTP_INVALID_JSON_BODY: {
    definition: API_ERRORS.BROKEN_JSON,
    message: 'The request body is not valid JSON.',
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    definition: API_ERRORS.BAD_REQUEST,
    message: 'The request body is not as long as Content-Length says.',
  },
  FST_ERR_BAD_URL: { definition: API_ERRORS.BAD_REQUEST, message: 'The URL is not well-formed.' },
  FST_ERR_MAX_PARAM_LENGTH: { definition: API_ERRORS.BAD_REQUEST, message: 'The URL is too long.' },
};

/** Statuses that ask for another try say when. */
const DEFAULT_RETRY_SECONDS: ReadonlyMap<number, number> = new Map([
  [429, 1],
  [503, 1],
]);

/** A body beyond its limit is read to its end and dropped up to this size, so that the client gets to the answer. */
const LARGEST_DROPPED_BODY = 256 * 1024 * 1024;

/** Sends every error, from wherever, in OpenAI's shape. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  sendErrorAs(error, request, reply, (told) => told.toBody());
}

/** @param body the shape in which the clients of a route read errors. */
export function sendErrorAs(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  body: (error: ApiError) => object,
): void {
  const apiError = toApiError(error, request);
  noteRefusal(request, apiError);
  if (apiError.status >= 500 && apiError.definition === API_ERRORS.INTERNAL_ERROR) {
    request.log.error({ err: error }, 'a request failed');
  }
  if (apiError.definition === API_ERRORS.BODY_TOO_LARGE) keepConnection(request, reply);
  const retryAfter = apiError.retryAfter ?? DEFAULT_RETRY_SECONDS.get(apiError.status);
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter));
  if (apiError.status === 401) reply.header('www-authenticate', 'Bearer');
  void reply.code(apiError.status).send(body(apiError));
}

/** Error handler, unknown routes and wrong methods of one app. */
export function installApiErrors(app: FastifyInstance): void {
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', (route) => {
    const known = methods.get(route.url) ?? new Set();
    for (const method of [route.method].flat()) known.add(method);
    methods.set(route.url, known);
  });
  app.setErrorHandler(sendError);
  // Before the body is read: a wrong method is the fault to name, whatever came with it.
  app.addHook('preParsing', async (request, reply) => {
    if (!request.is404) return;
    const allowed = allowedMethods(methods, request.url.split('?', 1)[0] ?? '');
    if (allowed === null) throw new ApiError(API_ERRORS.ROUTE_NOT_FOUND, 'There is nothing at this URL.');
    reply.header('allow', allowed.join(', '));
    throw new ApiError(
      API_ERRORS.METHOD_NOT_ALLOWED,
      `This URL takes ${allowed.join(', ')}, not ${request.method}.`,
    );
  });
}

function allowedMethods(methods: ReadonlyMap<string, ReadonlySet<string>>, path: string): string[] | null {
  for (const [url, allowed] of methods) {
    if (matchesRoute(url, path)) return [...allowed].toSorted();
  }
  return null;
}

/** Routes may end in `*`, and name one segment as `:id`. */
function matchesRoute(url: string, path: string): boolean {
  if (url.endsWith('*')) return path.startsWith(url.slice(0, -1));
  const segments = path.split('/');
  const pattern = url.split('/');
  return (
    pattern.length === segments.length &&
    pattern.every(
      (part, index) => part === segments[index] || (part.startsWith(':') && segments[index] !== ''),
    )
  );
}

function toApiError(error: unknown, request: FastifyRequest): ApiError {
  if (error instanceof ApiError) return error;
  const { code, statusCode } = describe(error);
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const { bodyLimit } = request.routeOptions;
    const settings =
      bodyLimit > TEXT_BODY_BYTES
        ? ', which images.max_images, images.max_bytes and images.max_pdf_bytes decide: send fewer or smaller files, or raise those'
        : '';
    return new ApiError(
      API_ERRORS.BODY_TOO_LARGE,
      `The request body is too large: this route takes ${sizeText(bodyLimit)}${settings}.`,
    );
  }
  const known = KNOWN[code];
  if (known !== undefined) return new ApiError(known.definition, known.message);
  // A plain SyntaxError of the JSON parser.
  if (statusCode === 400) return new ApiError(API_ERRORS.BROKEN_JSON, 'The request body is not valid JSON.');
  return new ApiError(API_ERRORS.INTERNAL_ERROR, 'The agent failed. Its log tells more.', { cause: error });
}

function describe(error: unknown): { code: string; statusCode: number | null } {
  if (!(error instanceof Error)) return { code: '', statusCode: null };
  return {
    code: 'code' in error ? String(error.code) : '',
    statusCode: 'statusCode' in error ? Number(error.statusCode) : null,
  };
}

/**
 * Fastify would close the connection on a client that still sends; such a client sees a reset in place of the answer.
 * Node reads and drops the rest of the body of a request that was answered early.
 */
function keepConnection(request: FastifyRequest, reply: FastifyReply): void {
  const length = Number(request.headers['content-length'] ?? Infinity);
  if (length <= LARGEST_DROPPED_BODY) reply.removeHeader('connection');
}
