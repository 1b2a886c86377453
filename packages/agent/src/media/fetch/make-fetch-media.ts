import type { Socket } from 'node:net';
import os from 'node:os';
import type { FetchMedia } from '../fetch-media.ts';
import { checkedTarget, redirectTarget, type Target } from './checked-url.ts';
import { connectChecked } from './connect-checked.ts';
import { type Dial, dialTcp } from './dial.ts';
import { FetchFailure, mediaUrlError } from './fetch-failure.ts';
import { FETCH_TIMES, type FetchTimes, type FetchWatch, startWatch } from './fetch-watch.ts';
import { isPublicAddress } from './is-public-address.ts';
import { type Interfaces, ownNetworks } from './own-networks.ts';
import { readBody } from './read-body.ts';
import { type Resolve, resolveChecked, resolveWithSystem } from './resolve-checked.ts';
import { redirectIn } from './response-rules.ts';
import { secureSocket } from './secure-socket.ts';
import { sendRequest } from './send-request.ts';

/** What a fetch does to the world, and how long it may take. Every field has the value of production by default. */
export interface FetchOptions {
  readonly resolve?: Resolve;
  readonly dial?: Dial;
  readonly interfaces?: () => Interfaces;
  readonly times?: FetchTimes;
  /** Certificates of the authorities that servers are checked against, in PEM. */
  readonly authorities?: readonly string[];
}

/** As many as a link of a picture service takes at most in practice: to https, to www, to the file's store. */
const MOST_REDIRECTS = 3;

/**
 * Makes the fetcher of URLs that clients name in requests. Whoever may send requests chooses where this host connects
 * to, so it connects to public servers only; docs/security.md says how that is made sure of.
 *
 * The fetcher throws ApiErrors of the codes MEDIA_URL_* and MEDIA_TOO_LARGE, without `param`, which the caller knows:
 * `new ApiError(error.definition, error.message, { param, cause: error })`. When the caller's signal is aborted, it
 * throws the reason of that signal as it is. Nothing is kept from one fetch to the next.
 */
export function makeFetchMedia({
  resolve = resolveWithSystem,
  dial = dialTcp,
  interfaces = os.networkInterfaces,
  times = FETCH_TIMES,
  authorities,
}: FetchOptions = {}): FetchMedia {
  async function openSocket({ host, port, secure }: Target, { signal, idle }: FetchWatch): Promise<Socket> {
    // Read each time: a laptop changes its networks.
    const isOwn = ownNetworks(interfaces());
    const isAllowed = (address: string) => isPublicAddress(address) && !isOwn(address);
    const addresses = await resolveChecked(host, resolve, isAllowed, signal);
    const socket = await connectChecked(addresses, {
      port,
      dial,
      timeoutMs: times.connectMs,
      signal,
    });
    if (!secure) return socket.setTimeout(times.idleMs, idle);
    return secureSocket(socket, { host, authorities, idleMs: times.idleMs, onIdle: idle, signal });
  }

  /** The file, or the place that the server names instead. */
  async function visit(target: Target, maxBytes: number, watch: FetchWatch): Promise<Uint8Array | string> {
    const socket = await openSocket(target, watch);
    try {
      const response = await sendRequest(socket, target.url, watch.signal);
      const location = redirectIn(response.statusCode, response.headers, maxBytes);
      if (location !== null) return location;
      return await readBody(response, maxBytes, watch.signal);
    } finally {
      socket.destroy();
    }
  }

  return async (url, { maxBytes, signal }) => {
    const watch = startWatch(times, signal);
    let redirects = 0;
    try {
      let target = checkedTarget(url);
      for (;;) {
        watch.signal.throwIfAborted();
        const found = await visit(target, maxBytes, watch);
        if (typeof found !== 'string') return found;
        redirects += 1;
        if (redirects > MOST_REDIRECTS) {
          throw new FetchFailure('failed', `it redirects more than ${String(MOST_REDIRECTS)} times`);
        }
        target = redirectTarget(found, target);
      }
    } catch (error) {
      throw error instanceof FetchFailure ? mediaUrlError(url, error, redirects > 0) : error;
    } finally {
      watch.end();
    }
  };
}
