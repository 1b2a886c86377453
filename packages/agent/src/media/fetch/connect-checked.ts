import { BlockList, isIP } from 'node:net';
import type { Socket } from 'node:net';
import type { Dial } from './dial.ts';
import { FetchFailure, notPublic } from './fetch-failure.ts';

/** A name may have a hundred addresses; each that stays silent costs the whole time for connecting. */
const MOST_ADDRESSES = 3;

export interface ConnectOptions {
  readonly port: number;
  readonly dial: Dial;
  /** For each address. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * A connection to the first of the addresses that takes one, and to none but these: the address at the other end has
 * to be the one that was asked for, in case something between here and the system rewrote it.
 *
 * @param addresses all checked.
 * @throws FetchFailure; the reason of the signal
 */
export async function connectChecked(addresses: readonly string[], options: ConnectOptions): Promise<Socket> {
  const { port, dial, timeoutMs, signal } = options;
  let cause: unknown;
  for (const address of addresses.slice(0, MOST_ADDRESSES)) {
    try {
      const { socket, remoteAddress } = await dial(address, port, { timeoutMs, signal });
      if (isSameAddress(address, remoteAddress)) return socket;
      socket.destroy();
    } catch (error) {
      signal.throwIfAborted();
      cause = error;
      continue;
    }
    throw notPublic();
  }
  throw new FetchFailure('failed', 'its server takes no connection', cause);
}

/** IPv6 addresses have several spellings. */
function isSameAddress(dialled: string, remote: string): boolean {
  if (isIP(remote) !== isIP(dialled)) return false;
  const family = isIP(dialled) === 4 ? 'ipv4' : 'ipv6';
  const only = new BlockList();
  only.addAddress(dialled, family);
  return only.check(remote, family);
}
