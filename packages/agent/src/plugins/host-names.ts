import { isIP } from 'node:net';
import os from 'node:os';
import { isLoopbackAddress } from '@mlxfleet/protocol';

/**
 * Names in a Host header that cannot be those of a foreign web site. A page at evil.example may point its own name at
 * 127.0.0.1 (DNS rebinding) and would then be of the same origin as a server on this machine; the header gives it away.
 */

/** The name or address in a Host header, without port and brackets, in lower case. */
export function hostName(header: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(header)?.[1];
  return (bracketed ?? header.replace(/:\d*$/, '')).toLowerCase().replace(/\.$/, '');
}

/** Addresses, this host's own name, and the endings that no public site can have. */
export function isPrivateName(name: string): boolean {
  if (isLoopbackAddress(name) || isIP(name) !== 0 || name === os.hostname().toLowerCase()) return true;
  return ['.localhost', '.local', '.internal'].some((ending) => name.endsWith(ending));
}
