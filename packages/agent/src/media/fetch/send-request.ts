import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { FetchFailure } from './fetch-failure.ts';

/** Bytes; Node's default, said here as a flag of the process could raise it. */
const LARGEST_HEADERS = 16 * 1024;

/**
 * Asks for the URL over a connection that is open already, and gives the answer with its body unread. The request tells
 * of nobody: no cookies, no referrer, no credentials. Without an agent there is no pool, and no proxy from the environment.
 *
 * @throws FetchFailure; the reason of the signal
 */
export async function sendRequest(socket: Socket, url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = request({
    createConnection: () => socket,
    path: `${url.pathname}${url.search}`,
    headers: {
      host: url.host,
      'user-agent': 'mlxfleet',
      accept: 'image/*, application/pdf',
      // A compressed body could grow a thousandfold after its bytes were counted.
      'accept-encoding': 'identity',
      connection: 'close',
    },
    maxHeaderSize: LARGEST_HEADERS,
    insecureHTTPParser: false,
    signal,
  });
  sent.once('response', resolve);
  // An answer that changes the protocol (101) closes the connection, without an error.
  sent.once('close', () => reject(new Error('closed')));
  // Stays: what follows the body of an answer may be broken too, and the body tells its own errors.
  sent.on('error', reject);
  sent.end();
  try {
    return await promise;
  } catch (error) {
    signal.throwIfAborted();
    throw new FetchFailure('failed', 'its server does not answer in HTTP', error);
  }
}
