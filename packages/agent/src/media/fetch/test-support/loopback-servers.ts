import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { TEST_CERTIFICATE } from './test-certificate.ts';

/** A server for as long as the test runs. Gives its port on loopback. */
export async function serveHttp(handler: RequestListener): Promise<number> {
  return listen(createHttpServer(handler));
}

/** With the test certificate. */
export async function serveHttps(handler: RequestListener): Promise<number> {
  return listen(createHttpsServer(TEST_CERTIFICATE, handler));
}

/**
 * A server that writes what it likes to each connection: `talk` is called once the head of a request has arrived, or at
 * once where it asks for that.
 */
export async function serveRaw(talk: (socket: Socket) => void, when: 'asked' | 'connected' = 'asked') {
  return listen(
    createServer((socket) => {
      socket.on('error', () => socket.destroy());
      if (when === 'connected') talk(socket);
      else socket.once('data', () => talk(socket));
    }),
  );
}

/** A port on loopback that refuses connections: it was free a moment ago. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** Writes a piece every `everyMs` until the connection ends. */
export function dribble(socket: Socket, piece: string | Buffer, everyMs: number): void {
  const timer = setInterval(() => socket.write(piece), everyMs);
  socket.once('close', () => clearInterval(timer));
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return portOf(server);
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}
