import { connect, type Socket } from 'node:net';
import type { Deadline } from './deadline.ts';

/** A host with several addresses, of which the first are dead: the next one is tried after this. */
const NEXT_ADDRESS_MS = 500;

/** A TCP connection without Nagle's delay, which costs ssh 140 ms at every connect. Rejects as node:net does. */
export async function openSocket(
  hostname: string,
  port: number,
  family: 0 | 4 | 6,
  deadline: Deadline,
): Promise<Socket> {
  const socket = connect({
    host: hostname,
    port,
    family,
    noDelay: true,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS,
  });
  const connected = new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  try {
    await deadline.race(connected);
    return socket;
  } catch (error) {
    socket.on('error', () => undefined);
    socket.destroy();
    throw error;
  }
}
