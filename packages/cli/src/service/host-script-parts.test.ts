import { expect, test } from 'vitest';
import { sshHostNamed } from '../ssh/testing/ssh-host-named.ts';
import { hostScriptParts } from './host-script-parts.ts';

test('a host runs the agent under a supervisor of its own unless it says otherwise', () => {
  expect(hostScriptParts(sshHostNamed('air')).at(-1)).toBe('service-detached');
  expect(hostScriptParts(sshHostNamed('air', { service: 'detached' })).at(-1)).toBe('service-detached');
});

test('a kind of service that cannot be set up is refused, not replaced', () => {
  expect(() => hostScriptParts(sshHostNamed('mini', { service: 'system' }))).toThrow(
    'mini: this version cannot run the agent as a system service',
  );
});
