import pino, { type Logger } from 'pino';

/** Log text that may wait for a disk without room; what comes on top is dropped. */
const MOST_BUFFERED = 256 * 1024;

/**
 * The agent's log: JSON lines on stdout, where whoever started the agent keeps them. A full disk or a reader that is
 * gone costs log lines, never requests: without a listener the error would be thrown into whatever was being logged.
 */
export function createLog(): Logger {
  const destination = pino.destination({ dest: 1, sync: true, maxLength: MOST_BUFFERED });
  destination.on('error', () => {});
  return pino({ name: 'agent' }, destination);
}
