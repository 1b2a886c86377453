import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { isPrivateName } from '../../plugins/host-names.ts';
import { untilAborted } from '../../until-aborted.ts';
import { notPublic } from './fetch-failure.ts';

/** All addresses of a name, IPv4 and IPv6. Rejects where the name has none. */
export type Resolve = (name: string) => Promise<readonly string[]>;

/**
 * Asks the system, as other programs do. A name that never answers occupies a thread of libuv for as long as the system
 * asks, also when nobody waits any more; libuv gives such calls half of its threads, so that files stay readable.
 */
export const resolveWithSystem: Resolve = async (name) => {
  const found = await lookup(name, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
};

/**
 * The addresses to connect to. A name is resolved here and nowhere else, so that a second answer cannot differ from the
 * one that was checked (DNS rebinding). One address that is not allowed refuses them all: a name with public and private
 * addresses is an attack, or a mistake.
 *
 * @param host a name, or an address without brackets.
 * @throws FetchFailure; the reason of the signal
 */
export async function resolveChecked(
  host: string,
  resolve: Resolve,
  isAllowed: (address: string) => boolean,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const addresses = isIP(host) === 0 ? await addressesOf(host, resolve, signal) : [host];
  if (addresses.length === 0 || !addresses.every(isAllowed)) throw notPublic();
  return addresses;
}

async function addressesOf(name: string, resolve: Resolve, signal: AbortSignal): Promise<readonly string[]> {
  // No public name is like these. Asked for, they would go out to the local network, and how soon an answer came would
  // tell which of them are there.
  if (!name.includes('.') || isPrivateName(name)) throw notPublic();
  try {
    return await untilAborted(resolve(name), signal);
  } catch (error) {
    signal.throwIfAborted();
    throw notPublic(error);
  }
}
