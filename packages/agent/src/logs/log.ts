import pino, { type Logger } from 'pino';
import { LogRotation } from './log-rotation.ts';

/** Log text that may wait for a disk without room; what comes on top is dropped. */
const MOST_BUFFERED = 256 * 1024;
const LARGEST_FILE_BYTES = 10 * 1024 * 1024;

export interface LogOptions {
  /** Default stdout. */
  readonly descriptor?: number;
  readonly largestFileBytes?: number;
}

/**
 * The agent's log: JSON lines on stdout, where whoever started the agent keeps them. A full disk or a reader that is
 * gone costs log lines, never requests: without a listener the error would be thrown into whatever was being logged.
 * @param file the log file of a supervised agent; when stdout is this file, it is kept from growing without end.
 */
export function createLog(file: string, options: LogOptions = {}): Logger {
  const { descriptor = 1, largestFileBytes = LARGEST_FILE_BYTES } = options;
  const destination = pino.destination({ dest: descriptor, sync: true, maxLength: MOST_BUFFERED });
  const rotation = new LogRotation(descriptor, file, largestFileBytes);
  destination.on('error', () => {});
  destination.on('write', (bytes: number) => {
    rotation.wrote(bytes);
  });
  return pino({ name: 'agent' }, destination);
}
