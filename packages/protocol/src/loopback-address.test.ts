import { expect, test } from 'vitest';
import { isLoopbackAddress } from './loopback-address.ts';

test.each(['localhost', 'LocalHost', '127.0.0.1', '127.255.0.9', '::1', '[::1]'])(
  '%s is loopback',
  (address) => {
    expect(isLoopbackAddress(address)).toBe(true);
  },
);

test.each([
  '0.0.0.0',
  '::',
  '192.168.1.5',
  '127.0.0.256',
  '127.0.0',
  '127.0.0.1.evil.example',
  '127.evil.example',
  'localhost.evil.example',
  'studio.local',
  '',
])('%s is not', (address) => {
  expect(isLoopbackAddress(address)).toBe(false);
});
