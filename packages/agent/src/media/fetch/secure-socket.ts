import { isIP, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { FetchFailure } from './fetch-failure.ts';

export interface SecureOptions {
  /** Whom the certificate has to name: the host of the URL, not the address that the socket is connected to. */
  readonly host: string;
  /** Certificates of authorities in PEM; undefined for those that Node trusts. */
  readonly authorities: readonly string[] | undefined;
  readonly idleMs: number;
  /** Called when the server was silent for `idleMs`, during the handshake or later. */
  readonly onIdle: () => void;
  readonly signal: AbortSignal;
}

/**
 * TLS over a connected socket, whose end, by the signal too, is its end.
 *
 * @throws FetchFailure; the reason of the signal
 */
export async function secureSocket(
  socket: Socket,
  { host, authorities, idleMs, onIdle, signal }: SecureOptions,
): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const secured = connect({
    socket,
    host,
    // An address is no name that SNI could carry; Node then compares the certificate with `host` alone.
    servername: isIP(host) === 0 ? host : '',
    ALPNProtocols: ['http/1.1'],
    // Said here, as NODE_TLS_REJECT_UNAUTHORIZED=0 of the environment would turn it off.
    rejectUnauthorized: true,
    ...(authorities !== undefined && { ca: [...authorities] }),
  });
  secured.setTimeout(idleMs, onIdle);
  secured.once('secureConnect', resolve);
  secured.once('close', () => reject(new Error('closed')));
  // Stays for the life of the socket: an error without a listener would end the agent.
  secured.on('error', reject);
  try {
    await promise;
    return secured;
  } catch (error) {
    secured.destroy();
    signal.throwIfAborted();
    throw new FetchFailure('failed', `TLS with its server fails${codeText(error)}`, error);
  }
}

/** A code such as CERT_HAS_EXPIRED, for those who run the server; it says nothing of this network. */
function codeText(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code === '' ? '' : ` with ${code}`;
}
