import { expect, test } from 'vitest';
import { hubEnvironment } from './hub-environment.ts';

test.each([
  [{}, '/models/hub', '/models/hub/hub'],
  [{ HF_HOME: '/home' }, '/home', '/home/hub'],
  [{ HF_HUB_CACHE: '/cache' }, '/models/hub', '/cache'],
])('models of the hub lie among the others, unless a variable says where: %j', (variables, home, cache) => {
  expect(hubEnvironment(variables, '/models')).toEqual({ home, cache, isOffline: false });
});

test.each([
  ['1', true],
  ['TRUE', true],
  ['yes', true],
  ['on', true],
  ['0', false],
  ['', false],
  ['10', false],
])('HF_HUB_OFFLINE=%j', (value, isOffline) => {
  expect(hubEnvironment({ HF_HUB_OFFLINE: value }, '/models').isOffline).toBe(isOffline);
});
