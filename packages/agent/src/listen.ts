import { chmod, rm } from 'node:fs/promises';
import net from 'node:net';
import { type AgentConfig, CodedError, isLoopbackAddress } from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import { PROCESS_ERRORS } from './errors.ts';

/** How long a live agent may take to accept a connection on its socket. */
const SOCKET_PROBE_MS = 1000;

/** @throws CodedError BIND_UNPROTECTED when anybody on the network could use the API. */
export function refuseUnprotectedBind({ api }: AgentConfig): void {
  if (isLoopbackAddress(api.bind) || api.key_hashes.length > 0 || api.anonymous) return;
  throw new CodedError(
    PROCESS_ERRORS.BIND_UNPROTECTED,
    `the API would listen on ${api.bind} and ask nobody for a key`,
  );
}

/**
 * Listens on a TCP port; 0 takes a free one.
 * @returns the port.
 * @throws CodedError PORT_IN_USE or LISTEN_FAILED.
 */
export async function listenOnPort(
  app: FastifyInstance,
  host: string,
  port: number,
  what: string,
): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const isTaken = errorCode(error) === 'EADDRINUSE';
    throw new CodedError(
      isTaken ? PROCESS_ERRORS.PORT_IN_USE : PROCESS_ERRORS.LISTEN_FAILED,
      isTaken
        ? `port ${String(port)} of the ${what} API is in use on ${host}`
        : `cannot listen on ${host}:${String(port)} for the ${what} API (${errorCode(error)})`,
      { cause: error },
    );
  }
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

/**
 * Listens on a Unix socket that only the owner may open. A socket that a killed agent left behind is replaced. Its folder
 * has to be the owner's alone: that keeps others out until the socket's own mode is set. A mask would reach whatever the
 * process makes meanwhile.
 * @throws CodedError LISTEN_FAILED.
 */
export async function listenOnSocket(app: FastifyInstance, path: string): Promise<void> {
  await rm(path, { force: true });
  try {
    await app.listen({ path });
  } catch (error) {
    throw new CodedError(
      PROCESS_ERRORS.LISTEN_FAILED,
      `cannot listen on the socket ${path} (${errorCode(error)}; the path has ${String(Buffer.byteLength(path))} bytes, about 100 are possible)`,
      { cause: error },
    );
  }
  await chmod(path, 0o600);
}

/** @throws CodedError AGENT_RUNNING when somebody answers on the socket. */
export async function refuseSecondAgent(path: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = net.connect(path);
  socket.setTimeout(SOCKET_PROBE_MS);
  socket.once('connect', () => {
    resolve(true);
  });
  socket.once('timeout', () => {
    resolve(true);
  });
  socket.once('error', () => {
    resolve(false);
  });
  const isAlive = await promise;
  socket.destroy();
  if (!isAlive) return;
  throw new CodedError(PROCESS_ERRORS.AGENT_RUNNING, `another agent answers on ${path}`);
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
