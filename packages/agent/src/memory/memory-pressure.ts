/** Share of the last ten seconds in which processes stood still for want of memory, percent. */
export interface MemoryStall {
  /** At least one process stood still. */
  readonly some: number;
  /** All of them did. */
  readonly full: number;
}

/** How the memory of a machine, or of the container that the agent runs in, is at one moment. */
export interface MemoryReading {
  readonly totalBytes: number;
  /** Bytes that programs can still take without swapping. */
  readonly availableBytes: number;
  /** The system's own verdict; null where it has none. */
  readonly systemPressure: Pressure | null;
  /** Time lost to want of memory; null where the system does not count it. */
  readonly stall: MemoryStall | null;
}

export type Pressure = 'normal' | 'warn' | 'critical';

interface Threshold {
  /** Below this share of the total, or these bytes where they are less, memory is short. */
  readonly availableShare: number;
  readonly availableBytes: number;
  /** Percent of time lost, above which memory is short. */
  readonly stall: keyof MemoryStall;
  readonly stallPercent: number;
}

/** Figures for systems without a verdict of their own. Large machines need no larger reserve, so bytes bound the share. */
const WARN: Threshold = { availableShare: 0.08, availableBytes: 2e9, stall: 'some', stallPercent: 20 };
const CRITICAL: Threshold = { availableShare: 0.03, availableBytes: 0.75e9, stall: 'full', stallPercent: 20 };
/**
 * Time is also lost when one container on a machine with free memory reaches its own limit, or files are read again from a slow
 * disk. It counts only where little is available as well.
 */
const STALL_COUNTS_BELOW = 0.2;
/** A verdict is taken back when the figures are so much better than those that gave it. */
const EASED = 1.5;

/** Bytes that a load has to leave to the system, so that it does not bring about a warning by itself. */
export function reserveBytes(totalBytes: number): number {
  return leastBytes(WARN, totalBytes);
}

/** What a reading means. The verdict before it keeps one near a border from going to and fro. */
export function pressureOf(reading: MemoryReading, previous: Pressure): Pressure {
  if (reading.systemPressure !== null) return reading.systemPressure;
  if (isShort(reading, CRITICAL, previous === 'critical' ? EASED : 1)) return 'critical';
  return isShort(reading, WARN, previous === 'normal' ? 1 : EASED) ? 'warn' : 'normal';
}

function isShort(reading: MemoryReading, threshold: Threshold, margin: number): boolean {
  const { availableBytes, totalBytes, stall } = reading;
  if (availableBytes < leastBytes(threshold, totalBytes) * margin) return true;
  if (stall === null || availableBytes >= STALL_COUNTS_BELOW * totalBytes) return false;
  return stall[threshold.stall] > threshold.stallPercent / margin;
}

function leastBytes({ availableShare, availableBytes }: Threshold, totalBytes: number): number {
  return Math.min(availableShare * totalBytes, availableBytes);
}
