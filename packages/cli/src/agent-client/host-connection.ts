import type { Duplex } from 'node:stream';
import { callbackify } from 'node:util';
import { type buildConnector, Client } from 'undici';

type Socket = NonNullable<Parameters<buildConnector.Callback>[1]>;

/**
 * An HTTP client over one byte stream, opened when the first request needs it. Where the stream ends was decided by
 * `open`; the URL only names what the agent takes for itself in the Host header.
 */
export function clientOver(open: () => Promise<Duplex>): Client {
  const openSocket = callbackify(async (): Promise<Socket> => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- undici asks before it uses what only sockets have
    return (await open()) as Socket;
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
