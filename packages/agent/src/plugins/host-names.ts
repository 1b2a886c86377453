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

/** Endings that no public site can have: `host.docker.internal` is this machine as its containers see it. */
const PRIVATE_ENDINGS = ['.localhost', '.local', '.internal'] as const;

/**
 * Addresses, the endings that no public site can have, and the machine's own names: in full, short, and with `.lan`, as
 * home routers call it.
 */
export function isPrivateName(name: string, machine = os.hostname()): boolean {
  if (isLoopbackAddress(name) || isIP(name) !== 0) return true;
  if (PRIVATE_ENDINGS.some((ending) => name.endsWith(ending))) return true;
  const full = machine.toLowerCase();
  const short = full.split('.', 1)[0] ?? '';
  return short !== '' && [full, short, `${short}.lan`].includes(name);
}
