import { expect, it } from 'vitest';
import { agentSocket } from './agent-socket.ts';
import { expandHome, expandPath } from './expand-path.ts';

const tokens = {
  home: '/home/bob',
  hostname: 'air.local',
  address: 'air',
  port: 2200,
  remoteUser: 'admin',
  localUser: 'bob',
};

it('expands the home folder and nothing that only looks like it', () => {
  expect(expandHome('~/.ssh/id', '/home/bob')).toBe('/home/bob/.ssh/id');
  expect(expandHome('~', '/home/bob')).toBe('/home/bob');
  expect(expandHome('/a/~/b', '/home/bob')).toBe('/a/~/b');
});

it('expands the tokens of ssh_config', () => {
  expect(expandPath('~/%r@%h:%p', tokens)).toBe('/home/bob/admin@air.local:2200');
  expect(expandPath('%d/100%%/%n-%u', tokens)).toBe('/home/bob/100%/air-bob');
  expect(expandPath('/keys/%Z', tokens)).toBe('/keys/%Z');
});

it('finds the socket of the agent', () => {
  const env = { SSH_AUTH_SOCK: '/run/agent', OTHER: '/run/other' };
  expect(agentSocket(null, env, tokens)).toBe('/run/agent');
  expect(agentSocket('SSH_AUTH_SOCK', env, tokens)).toBe('/run/agent');
  expect(agentSocket('$OTHER', env, tokens)).toBe('/run/other');
  expect(agentSocket('~/agent.sock', env, tokens)).toBe('/home/bob/agent.sock');
  expect(agentSocket('none', env, tokens)).toBeNull();
  expect(agentSocket(null, {}, tokens)).toBeNull();
});
