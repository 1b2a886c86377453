import os from 'node:os';
import { expect, test } from 'vitest';
import {
  availableMemory,
  machineType,
  totalMemory,
  usedFromMeminfo,
  usedFromVmStat,
  usedMemory,
} from './host-facts.ts';

test('this host', async () => {
  expect(await machineType()).toMatch(/\S/);
  const used = await usedMemory();
  expect(used).toBeGreaterThan(0);
  expect(totalMemory()).toBeGreaterThan(0);
  const available = await availableMemory();
  expect(available).toBeGreaterThan(0);
  expect(available).toBeLessThan(os.totalmem());
});

test('vm_stat', () => {
  const text = `Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                              100000.
Pages active:                               300.
Pages inactive:                          200000.
Pages wired down:                           200.
"Translation faults":                 123456789.
Pages occupied by compressor:               100.
`;
  expect(usedFromVmStat(text)).toBe(600 * 16_384);
});

test('/proc/meminfo', () => {
  expect(usedFromMeminfo('MemTotal:  1000 kB\nMemFree:  10 kB\nMemAvailable:   400 kB\n')).toBe(600 * 1024);
});
