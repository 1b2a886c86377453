import { connect, type Socket } from 'node:net';

interface Connection {
  readonly socket: Socket;
  /** Whom the system says it is connected to. */
  readonly remoteAddress: string;
}

/** Opens a TCP connection to an address, never to a name. The signal ends the socket at any time, also later. */
export type Dial = (
  address: string,
  port: number,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
) => Promise<Connection>;

/** Directly: proxies that the environment names are for the operator's programs, and would resolve names themselves. */
export const dialTcp: Dial = async (address, port, { timeoutMs, signal }) => {
  const { promise, resolve, reject } = Promise.withResolvers<Connection>();
  const socket = connect({ host: address, port, signal });
  const timer = setTimeout(() => socket.destroy(new Error('no connection in time')), timeoutMs);
  // Stays for the life of the socket: an error without a listener would end the agent.
  socket.on('error', reject);
  socket.once('connect', () => {
    const { remoteAddress } = socket;
    // Undefined when the other end has gone again already.
    if (remoteAddress === undefined) socket.destroy(new Error('closed'));
    else resolve({ socket, remoteAddress });
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
};
