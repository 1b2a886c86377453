import { isIP } from 'node:net';

/** Whether only the host itself can connect to this bind address. */
export function isLoopback(bind: string): boolean {
  const address = bind.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (address === 'localhost' || address === '::1') return true;
  return isIP(address) === 4 && address.startsWith('127.');
}

/** A jump that names a machine by itself rather than a host of the inventory: user@host, host:port or host.domain. */
export function isDirectJump(jump: string): boolean {
  return /[@:.]/.test(jump);
}
