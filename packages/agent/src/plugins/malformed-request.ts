import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ApiError } from '../api-error.ts';
import { API_ERRORS, type ApiErrorDefinition } from '../errors.ts';

/** What Node's parser refuses, by the codes of its errors; everything else is not well-formed. */
const KNOWN: Readonly<Record<string, { definition: ApiErrorDefinition; message: string }>> = {
  HPE_HEADER_OVERFLOW: {
    definition: API_ERRORS.HEADERS_TOO_LARGE,
    message: 'The headers of the request are too large.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    definition: API_ERRORS.REQUEST_NOT_RECEIVED,
    message: 'The request did not arrive in time.',
  },
};

const MALFORMED = {
  definition: API_ERRORS.BAD_REQUEST,
  message: 'The request is not well-formed HTTP.',
};

/** Answers what never became a request, in the shape of all other errors, and closes the connection. */
export function answerMalformed(code: string, socket: Socket): void {
  if (!socket.writable || socket.destroyed) return;
  const { definition, message } = KNOWN[code] ?? MALFORMED;
  const error = new ApiError(definition, message);
  const body = JSON.stringify(error.toBody());
  const status = `${String(error.status)} ${STATUS_CODES[error.status] ?? ''}`;
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${String(Buffer.byteLength(body))}\r\nconnection: close\r\n\r\n${body}`,
  );
}
