import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROTOCOL_VERSION } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { IDLE_AGENT } from '../agent-client/testing/idle-agent.ts';
import { parseInventory } from '../config/parse-inventory.ts';
import { resolveHosts } from '../config/resolve-hosts.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { FakeHost } from '../hosts/testing/fake-host.ts';
import { type QuestionEvents, status } from './status.ts';
import type { Target } from '../deploy-types/target.ts';

const CURRENT = {
  fact: 'current',
  id: '20260101T000000Z-00000000',
  version: '1.0.0',
  contentHash: null,
  state: 'good',
  textEnvironment: null,
  visionEnvironment: null,
};
const RUNNING = {
  fact: 'service',
  kind: 'detached',
  state: 'running',
  supervisorPid: 1,
  agentPid: 2,
  agentElapsed: '10:00',
};

function settings(): ResolvedHost {
  const [host] = resolveHosts(parseInventory('i', 'version: 1\nhosts: {air: {}}'));
  if (host === undefined) throw new Error('no host');
  return host;
}

function hostThatSays(...messages: readonly object[]): Target {
  return { settings: settings(), host: new FakeHost('air', () => ({ messages })) };
}

const { signal } = new AbortController();

test.each([
  [PROTOCOL_VERSION + 1, 'Upgrade this mlxfleet; start, stop, logs, exec and rollback still work.'],
  [PROTOCOL_VERSION - 1, 'Upgrade the agent: mlxfleet deploy air'],
])('an agent of protocol version %i is degraded and says what to upgrade', async (version, hint) => {
  const word = JSON.stringify({ protocol_version: version, status: 'humming' });
  const target = hostThatSays(CURRENT, RUNNING, { fact: 'admin', status: word });
  const { hosts } = await status([target], signal);
  expect(hosts).toMatchObject([
    { state: 'degraded', release: CURRENT.id, error: { code: 'PROTOCOL_MISMATCH', hint } },
  ]);
});

const ADMIN = { ...IDLE_AGENT, release: CURRENT.id };
const LOCK = {
  fact: 'lock',
  id: 'l',
  holder: 'eve@laptop',
  command: 'deploy',
  pid: 1,
  operatorPid: 1,
  ageSeconds: 3,
};

test.each([
  ['confirmed', { state: 'good' }, [], 'healthy'],
  ['being judged', { state: 'staged' }, [{ ...LOCK, state: 'held' }], 'starting'],
  ['left by a power cut', { state: 'staged' }, [], 'degraded'],
  ['left by a killed deploy', { state: 'staged' }, [{ ...LOCK, state: 'dead' }], 'degraded'],
])('a release that serves and is %s', async (_what, current, lock, state) => {
  const admin = { fact: 'admin', status: JSON.stringify(ADMIN) };
  const { hosts } = await status([hostThatSays({ ...CURRENT, ...current }, ...lock, RUNNING, admin)], signal);
  expect([hosts[0]?.state, hosts[0]?.error?.message.includes('was never confirmed')]).toEqual([
    state,
    state === 'degraded' ? true : undefined,
  ]);
});

test('an agent that serves without its supervisor is degraded, not stopped', async () => {
  const alone = { ...RUNNING, state: 'stopped', supervisorPid: null };
  const admin = { fact: 'admin', status: JSON.stringify(ADMIN) };
  const { hosts } = await status([hostThatSays(CURRENT, alone, admin)], signal);
  expect(hosts).toMatchObject([{ state: 'degraded', requests: { running: 0 } }]);
  const { hosts: stopped } = await status([hostThatSays(CURRENT, alone)], signal);
  expect(stopped).toMatchObject([{ state: 'stopped', error: null }]);
});

test.each([
  [
    "The model 'org/q8' could not be loaded: kv_bits needs other heads",
    "The model 'org/q8' could not be loaded: kv_bits needs other heads",
  ],
  [
    "The model 'org/q8' is not on this host, which has: tiny.",
    "The model 'org/q8' is not on this host, which has: tiny.",
  ],
  ['it is not on this host', 'org/q8 does not load: it is not on this host'],
  [null, 'org/q8 does not load: unknown reason'],
])(
  'a host of whose models one does not load says which, why and where more is: %j',
  async (error, message) => {
    const failed = {
      id: 'org/q8',
      state: 'failed',
      memory_bytes: null,
      context_length: null,
      pinned: false,
      idle_timeout_seconds: null,
      last_used_at: null,
      requests: { running: 0, waiting: 0 },
      error,
    };
    const admin = { fact: 'admin', status: JSON.stringify({ ...ADMIN, models: [failed] }) };
    const { hosts } = await status([hostThatSays(CURRENT, RUNNING, admin)], signal);
    const hint =
      '`mlxfleet load org/q8 air` tries it again. If its worker was started, `mlxfleet logs air --worker org/q8` has its log.';
    expect(hosts).toMatchObject([{ state: 'degraded', error: { message, hint } }]);
  },
);

test('a model that nobody wants does not make its host degraded when it cannot be loaded', async () => {
  const failed = {
    id: 'broken',
    state: 'failed',
    memory_bytes: null,
    context_length: null,
    pinned: false,
    idle_timeout_seconds: null,
    last_used_at: null,
    requests: { running: 0, waiting: 0 },
    error: 'bad weights',
    wanted: false,
  };
  const admin = { fact: 'admin', status: JSON.stringify({ ...ADMIN, models: [failed] }) };
  const { hosts } = await status([hostThatSays(CURRENT, RUNNING, admin)], signal);
  expect(hosts).toMatchObject([{ state: 'healthy', models: [{ id: 'broken' }], error: null }]);
});

test.each([
  ['stands still', true, { state: 'not-installed', error: null }],
  ['runs on', false, { state: 'unreachable', error: { code: 'STATUS_TIMEOUT' } }],
])('the deadline %s while a question is open', async (_what, isTold, expected) => {
  const questions: QuestionEvents = new EventEmitter();
  const host = new FakeHost('air', async () => {
    const answer = sleep(300);
    if (isTold) questions.emit('asked', answer);
    await answer;
    return { messages: [] };
  });
  const { hosts } = await status([{ settings: settings(), host }], signal, 100, questions);
  expect(hosts).toMatchObject([expected]);
});
