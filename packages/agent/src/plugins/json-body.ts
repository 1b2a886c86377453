import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import { cutFiles } from './cut-files.ts';
import { type JsonSize, jsonSize } from './json-size.ts';

/**
 * The agent has one thread: while it checks a body, no stream goes on. Texts cost next to nothing, but each value of a
 * body takes up to 20 microseconds and a kilobyte where it is not what it should be. A conversation of a thousand messages
 * with 128 tools stays well below.
 */
const MOST_VALUES = 50_000;
/** Token ids are quick to check: the tokens of the longest contexts there are, or a full batch of inputs to embed. */
const MOST_TOKENS = 2_000_000;
/** Far beyond what any field takes, each of which has its own and clearer refusal; and far within what a stack holds. */
const MOST_LEVELS = 200;

const MOST: JsonSize = { numbers: MOST_VALUES, others: MOST_VALUES, levels: MOST_LEVELS };
const MOST_WITH_TOKENS: JsonSize = { ...MOST, numbers: MOST_TOKENS };

const lengths = new WeakMap<FastifyRequest, number>();

/** Bytes of the body of a request that has been read; 0 where it has none. */
export function bodyBytes(request: FastifyRequest): number {
  return lengths.get(request) ?? 0;
}

/** Reads bodies as JSON, except those that would hold up the agent. */
export function installJsonBody(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
    lengths.set(request, bytes.length);
    const error = refusal(request, bytes);
    if (error !== null) {
      done(error);
      return;
    }
    const { text, putBack } = cutFiles(bytes);
    void parse(request, text, (failure, value) => {
      if (failure === null) done(null, putBack(value));
      else done(isJson(text) ? poisonous() : failure);
    });
  });
}

/** What is JSON and yet refused has names that would change what all objects inherit. */
function poisonous(): ApiError {
  return new ApiError(
    API_ERRORS.INVALID_VALUE,
    "The request body holds a field '__proto__', or 'prototype' in a 'constructor', which no field may be called.",
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function refusal(request: FastifyRequest, body: Uint8Array): ApiError | null {
  if (!isUtf8(body)) return new ApiError(API_ERRORS.BROKEN_JSON, 'The request body is not UTF-8.');
  const most = request.routeOptions.config.tokenLists === true ? MOST_WITH_TOKENS : MOST;
  const { numbers, others, levels } = jsonSize(body, most);
  if (levels > most.levels) {
    return new ApiError(
      API_ERRORS.INVALID_VALUE,
      `The request body is nested too deeply: ${String(most.levels)} levels are taken.`,
    );
  }
  const isTooMany = numbers > most.numbers || others > most.others;
  if (!isTooMany) return null;
  const limit = numbers > most.numbers ? `${String(most.numbers)} numbers` : `${String(most.others)} values`;
  return new ApiError(
    API_ERRORS.BODY_TOO_LARGE,
    `The request body holds too many values: this route takes ${limit}.`,
  );
}
