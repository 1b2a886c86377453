import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type MemoryReading, type Pressure, pressureOf } from './memory-pressure.ts';

const GB = 1e9;

function reading(availableBytes: number, more: Partial<MemoryReading> = {}): MemoryReading {
  return { totalBytes: 16 * GB, availableBytes, systemPressure: null, stall: null, ...more };
}

describe('memory pressure', () => {
  test.each<[string, MemoryReading, Pressure]>([
    ['half is available', reading(8 * GB), 'normal'],
    ['little is available', reading(1.2 * GB), 'warn'],
    ['hardly anything is available', reading(0.4 * GB), 'critical'],
    ['a large machine has a reserve in bytes', reading(3 * GB, { totalBytes: 512 * GB }), 'normal'],
    ['a small machine has a share', reading(0.2 * GB, { totalBytes: 2 * GB }), 'normal'],
    ['time is lost', reading(3 * GB, { stall: { some: 30, full: 5 } }), 'warn'],
    ['all time is lost', reading(3 * GB, { stall: { some: 60, full: 40 } }), 'critical'],
    ['time is lost beside free memory', reading(8 * GB, { stall: { some: 90, full: 80 } }), 'normal'],
    ['the system says so', reading(15 * GB, { systemPressure: 'critical' }), 'critical'],
    ['the system denies it', reading(0.1 * GB, { systemPressure: 'normal' }), 'normal'],
  ])('%s', (_, now, pressure) => {
    expect(pressureOf(now, 'normal')).toBe(pressure);
  });

  test('is taken back only when there is clearly more', () => {
    expect(pressureOf(reading(1.3 * GB), 'normal')).toBe('normal');
    expect(pressureOf(reading(1.3 * GB), 'warn')).toBe('warn');
    expect(pressureOf(reading(2 * GB), 'warn')).toBe('normal');
    expect(pressureOf(reading(0.6 * GB), 'critical')).toBe('critical');
    expect(pressureOf(reading(0.8 * GB), 'critical')).toBe('warn');
  });

  test('less memory never means less pressure, and a steady reading a steady verdict', () => {
    const order: readonly Pressure[] = ['normal', 'warn', 'critical'];
    const stall = fc.option(
      fc.record({
        some: fc.double({ min: 0, max: 100, noNaN: true }),
        full: fc.double({ min: 0, max: 100, noNaN: true }),
      }),
    );
    fc.assert(
      fc.property(
        fc.nat(64 * GB),
        fc.nat(64 * GB),
        stall,
        fc.constantFrom(...order),
        (first, second, lost, previous) => {
          const [less, more] = [Math.min(first, second), Math.max(first, second)].map((availableBytes) =>
            pressureOf({ totalBytes: 64 * GB, availableBytes, systemPressure: null, stall: lost }, previous),
          );
          expect(order.indexOf(less ?? 'normal')).toBeGreaterThanOrEqual(order.indexOf(more ?? 'critical'));
          const now = reading(first, { totalBytes: 64 * GB, stall: lost });
          const verdict = pressureOf(now, previous);
          expect(pressureOf(now, verdict)).toBe(verdict);
        },
      ),
    );
  });
});
