import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * Ends connections whose client does not read what is being sent to it: the answer would stay in memory for ever. Node
 * tells when nothing went either way on a socket for the server's `connectionTimeout`; a client that reads slowly is
 * something. A request that waits for its turn, or a model that is silent, has nothing to send and may take its time.
 */
export function installUnreadAnswers(app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, { raw }) => {
    // Node would end the connection where nobody listens: between requests it does.
    raw.on('timeout', (socket: Socket) => {
      if (socket.writableLength > 0) socket.destroy();
    });
  });
}
