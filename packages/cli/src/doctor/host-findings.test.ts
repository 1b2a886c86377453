import { CodedError, PROTOCOL_VERSION } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { parseInventory } from '../config/parse-inventory.ts';
import { resolveHosts } from '../config/resolve-hosts.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { IDLE_AGENT } from '../agent-client/testing/idle-agent.ts';
import { ERRORS } from '../errors.ts';
import { connectionFinding, hostFindings } from './host-findings.ts';
import { parseObservations } from './observations.ts';

const GIB = 1024 ** 3;
const visit = { startedMs: 1_000_000_000, endedMs: 1_000_000_080 };

const mac = {
  fact: 'system',
  os: 'Darwin',
  arch: 'arm64',
  cpu: 'Apple M4',
  model: 'Mac16,12',
  ramBytes: 32 * GIB,
  osVersion: 'macOS 15.6',
  root: '/Users/me/.mlxfleet',
  rootExists: true,
  freeBytes: 212 * GIB,
};
const healthy = [
  mac,
  { fact: 'python', path: '/opt/homebrew/bin/python3.12', version: '3.12' },
  {
    fact: 'service',
    kind: 'detached',
    state: 'stopped',
    supervisorPid: null,
    agentPid: null,
    agentElapsed: null,
  },
  { fact: 'clock', seconds: 1_000_000 },
  { fact: 'root', nearest: '/Users/me/.mlxfleet', writable: true },
  { fact: 'port', port: 11_440, listening: false },
  { fact: 'port', port: 11_441, listening: false },
  { fact: 'sleep', minutes: 0, disabled: null },
];

function settings(): ResolvedHost {
  const [host] = resolveHosts(parseInventory('i', 'version: 1\nhosts: {air: {}}'));
  if (host === undefined) throw new Error('no host');
  return host;
}

function findings(...messages: readonly object[]): Record<string, string> {
  const seen = parseObservations(messages);
  return Object.fromEntries(
    hostFindings(settings(), seen, visit).map(({ check, result, advice }) => [
      check,
      advice === null ? result : `${result}: ${advice}`,
    ]),
  );
}

test('a healthy Mac that has nothing yet', () => {
  expect(new Set(Object.values(findings(...healthy)))).toEqual(new Set(['ok']));
});

test.each<[string, object, string, RegExp]>([
  ['an Intel Mac', { ...mac, arch: 'x86_64' }, 'system', /^fail: Supported/],
  ['an old macOS', { ...mac, osVersion: 'macOS 13.6' }, 'system', /^fail: Upgrade to macOS 14/],
  ['little memory', { ...mac, ramBytes: 4 * GIB }, 'memory', /^warn/],
  ['little disk', { ...mac, freeBytes: 10 * GIB }, 'disk', /^warn/],
  ['a full disk', { ...mac, freeBytes: GIB }, 'disk', /^fail: Free 3.0 GB/],
  ['a read-only root', { fact: 'root', nearest: '/srv', writable: false }, 'root', /^fail: .*\/srv/],
  ['a clock that is late', { fact: 'clock', seconds: 999_000 }, 'clock', /^warn: Set the time/],
  ['a clock that is early', { fact: 'clock', seconds: 1_000_900 }, 'clock', /^warn/],
  ['a taken port', { fact: 'port', port: 11_440, listening: true }, 'port 11440', /^fail: .*api\.port/],
  [
    'a taken admin port',
    { fact: 'port', port: 11_441, listening: true },
    'port 11441',
    /^fail: .*admin\.port/,
  ],
  ['a host that sleeps', { fact: 'sleep', minutes: 10, disabled: null }, 'sleep', /^warn: .*pmset/],
  ['no compiler', { fact: 'compiler', path: null }, 'compiler', /^fail: .*apt-get install g\+\+/],
  ['a compiler', { fact: 'compiler', path: '/usr/bin/g++' }, 'compiler', /^ok$/],
  ['missing wheels', { fact: 'wheels', folder: '/srv/wheels', present: false }, 'wheels', /^fail/],
])('%s', (_what, message, check, expected) => {
  const found = { ...findings(...healthy), ...findings(message) };
  expect(found[check]).toMatch(expected);
});

test('sleep switched off altogether is fine', () => {
  expect(findings({ fact: 'sleep', minutes: 10, disabled: 1 })['sleep']).toBe('ok');
});

test('an installed host whose service is stopped, runs without an answer, or speaks another version', () => {
  const current = {
    fact: 'current',
    id: 'x',
    version: null,
    contentHash: null,
    state: 'good',
    textEnvironment: null,
    visionEnvironment: null,
  };
  expect(findings(...healthy, current)['service']).toMatch(/^warn: Start it: mlxfleet start air/);
  const running = {
    fact: 'service',
    kind: 'detached',
    state: 'running',
    supervisorPid: 1,
    agentPid: 2,
    agentElapsed: '10:00',
  };
  expect(findings(mac, current, running)['service']).toMatch(/^fail: See: mlxfleet logs air/);
  const newer = { fact: 'admin', status: JSON.stringify({ protocol_version: PROTOCOL_VERSION + 1 }) };
  const taken = { fact: 'port', port: 11_440, listening: true };
  const found = findings(mac, current, running, newer, taken);
  expect(found['service']).toMatch(/^fail: Upgrade this mlxfleet/);
  expect(found['port 11440']).toBe('ok');
});

test('models of the inventory that cannot be served are told as the agent tells it', () => {
  const error = "The model 'eye' is shown images: set vision: true in the inventory and deploy again.";
  const failed = {
    id: 'eye',
    state: 'failed',
    memory_bytes: null,
    context_length: null,
    pinned: false,
    idle_timeout_seconds: null,
    last_used_at: null,
    requests: { running: 0, waiting: 0 },
    error,
    wanted: true,
  };
  const models = [failed, { ...failed, id: 'stray', wanted: false }, { ...failed, id: 'm', state: 'ready' }];
  const admin = { fact: 'admin', status: JSON.stringify({ ...IDLE_AGENT, models }) };
  const seen = parseObservations([...healthy, admin]);
  const found = hostFindings(settings(), seen, visit).filter(({ check }) => check === 'model');
  expect(found).toEqual([
    {
      check: 'model',
      result: 'warn',
      detail: error,
      advice: 'See all of them: mlxfleet status air; the log of its worker: mlxfleet logs air --worker eye',
    },
  ]);
});

test('models of the inventory that the host does not have are told once, with where to put them', () => {
  const reason = 'it is not on this host: copy it to /srv/fleet/shared/models/nosuch';
  const failed = {
    id: 'nosuch',
    state: 'failed',
    memory_bytes: null,
    context_length: null,
    pinned: true,
    idle_timeout_seconds: null,
    last_used_at: null,
    requests: { running: 0, waiting: 0 },
    error: "The model 'nosuch' is not on this host, which has no models yet.",
    wanted: true,
  };
  const missing = [{ model: 'nosuch', reason }];
  const status = JSON.stringify({ ...IDLE_AGENT, models: [failed], missing });
  const seen = parseObservations([...healthy, { fact: 'admin', status }]);
  const found = hostFindings(settings(), seen, visit).filter(({ check }) => check === 'model');
  expect(found).toEqual([
    {
      check: 'model',
      result: 'warn',
      detail: `nosuch: ${reason}`,
      advice: 'Put it there, or take it out of the models of air in the inventory and deploy.',
    },
  ]);
});

test.each([
  [ERRORS.HOST_UNREACHABLE, 'ssh'],
  [ERRORS.HOST_KEY_CHANGED, 'host key'],
  [ERRORS.AUTH_FAILED, 'login'],
  [ERRORS.KEY_UNUSABLE, 'login'],
  [ERRORS.SSH_MISSING, 'ssh'],
])('$code belongs to the check %s', (definition, check) => {
  expect(connectionFinding('air', new CodedError(definition, 'no'))).toMatchObject({ check, result: 'fail' });
});
