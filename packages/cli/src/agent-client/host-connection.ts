import type { Duplex } from 'node:stream';
import { callbackify } from 'node:util';
import { CodedError } from '@mlxfleet/protocol';
import { type buildConnector, Client } from 'undici';
import { ERRORS } from '../errors.ts';
import { connectError } from './answer-error.ts';

type Socket = NonNullable<Parameters<buildConnector.Callback>[1]>;

/**
 * An HTTP client of the agent on a host, over one byte stream that is opened when the first request needs it. Where the
 * stream ends was decided by `open`; the URL only names what the agent takes for itself in the Host header. A host that
 * is reached and refuses the stream rejects requests with AGENT_NOT_RUNNING.
 */
export function clientOver(host: string, open: () => Promise<Duplex>): Client {
  const openSocket = callbackify(async (): Promise<Socket> => {
    try {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- undici asks before it uses what only sockets have
      return (await open()) as Socket;
    } catch (error) {
      throw connectError(host, error);
    }
  });
  return new Client('http://localhost', {
    connect: (_options, callback) => {
      openSocket((error, socket) => {
        if (error === null) callback(null, socket);
        else callback(error, null);
      });
    },
    // A model may load for minutes before its first byte; the person's Ctrl-C and the agent's own limits end it.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

/**
 * What an error of an exchange means for a person: an agent that is gone in the middle is AGENT_ANSWER_BROKEN. Errors
 * that are known already, such as CONNECTION_LOST of the way to the host, and the caller's own abort stay what they are.
 */
export function exchangeError(host: string, error: unknown, signal: AbortSignal | undefined): unknown {
  if (error instanceof CodedError || signal?.aborted === true) return error;
  // What undici and sockets reject with has a code; anything else is a fault of this program.
  if (!(error instanceof Error && 'code' in error)) return error;
  return new CodedError(ERRORS.AGENT_ANSWER_BROKEN, `${host}: the agent ended the connection`, {
    cause: error,
  });
}
