import { expect, test } from 'vitest';
import { hostName, isPrivateName } from './host-names.ts';

test.each([
  ['localhost:11440', 'localhost'],
  ['127.0.0.1', '127.0.0.1'],
  ['[::1]:11441', '::1'],
  ['Studio.Local.:80', 'studio.local'],
])('the name in %s', (header, name) => {
  expect(hostName(header)).toBe(name);
});

test('names that only this network has', () => {
  for (const name of [
    'localhost',
    '127.0.0.1',
    '::1',
    '192.168.1.5',
    'studio.local',
    'host.docker.internal',
  ]) {
    expect(isPrivateName(name)).toBe(true);
  }
  for (const name of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', 'local', '']) {
    expect(isPrivateName(name)).toBe(false);
  }
});

test("the machine's own names", () => {
  for (const machine of ['Studio', 'studio.local', 'studio.corp.example']) {
    expect(
      ['studio', 'studio.local', 'studio.lan'].filter((name) => isPrivateName(name, machine)),
    ).toHaveLength(3);
    expect(isPrivateName('other.lan', machine)).toBe(false);
    expect(isPrivateName('studio.corp.example', machine)).toBe(machine.endsWith('.example'));
    expect(isPrivateName('studio.evil.example', machine)).toBe(false);
  }
  expect(['', '.lan'].some((name) => isPrivateName(name, ''))).toBe(false);
});
