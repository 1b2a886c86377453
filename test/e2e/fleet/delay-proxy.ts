import net from 'node:net';

export interface DelayProxy {
  /** Port on 127.0.0.1 that leads to the target. */
  readonly port: number;
  close(): Promise<void>;
}

/**
 * A TCP proxy that delays every byte by half the round-trip time in each direction, as a distant host would. The
 * connection itself is set up at once, so a client sees one round trip less than over a real line.
 */
export async function startDelayProxy(
  target: { readonly host: string; readonly port: number },
  roundTripMs: number,
): Promise<DelayProxy> {
  const open = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const upstream = net.connect({ ...target, noDelay: true, allowHalfOpen: true });
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
    }
    delayed(client, upstream, roundTripMs / 2);
    delayed(upstream, client, roundTripMs / 2);
  });
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

/** Timers of one duration fire in the order in which they were set, so bytes keep theirs. */
function delayed(from: net.Socket, to: net.Socket, delayMs: number): void {
  from.on('data', (bytes) => setTimeout(() => to.writable && to.write(bytes), delayMs));
  from.on('end', () => setTimeout(() => to.end(), delayMs));
  from.on('error', () => setTimeout(() => to.destroy(), delayMs));
  from.on('close', () => setTimeout(() => to.destroy(), delayMs * 2 + 1000));
}
