import { expect, test } from 'vitest';
import { machineType } from './host-facts.ts';

test('this host has a processor with a name', async () => {
  expect(await machineType()).toMatch(/\S/);
});
