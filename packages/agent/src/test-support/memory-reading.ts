import type { MemoryReading } from '../memory/memory-pressure.ts';

/** Of a machine with 16 GB, half of them free, that is under no pressure; or as it is told. */
export function memoryReading(more: Partial<MemoryReading> = {}): MemoryReading {
  return { totalBytes: 16e9, availableBytes: 8e9, systemPressure: null, stall: null, ...more };
}
