import { expect, test } from 'vitest';
import { Throughput } from './throughput.ts';

test('tokens of the last ten seconds', () => {
  const throughput = new Throughput();
  expect(throughput.perSecond(0)).toBeNull();
  throughput.add(50, 1000);
  throughput.add(50, 1999);
  throughput.add(100, 5000);
  expect(throughput.perSecond(9000)).toBe(20);
  expect(throughput.perSecond(11_500)).toBe(10);
  expect(throughput.perSecond(60_000)).toBeNull();
});
