import { type AdminWorker, adminWorkersSchema } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { readAdmin } from '../../test-support/admin-api.ts';
import {
  chat,
  eventually,
  agentsForTests,
  type TestAgent,
  type TestAgentOptions,
} from '../../test-support/test-agent.ts';
import { WORKER_TIMES } from '../../workers/worker-times.ts';

const CHAT = '/v1/chat/completions';
const TIMES = { ...WORKER_TIMES, ping: 25, idlePing: 50, grace: 500, firstBackoff: 20 };

const startDisposed = agentsForTests();

async function start(options: TestAgentOptions = {}): Promise<TestAgent> {
  return await startDisposed({ ...options, overrides: { workerTimes: TIMES } });
}

async function workers(agent: TestAgent): Promise<AdminWorker[]> {
  return adminWorkersSchema.parse(await readAdmin(agent, '/admin/workers')).workers;
}

async function onlyWorker(agent: TestAgent): Promise<AdminWorker> {
  const [worker, ...others] = await workers(agent);
  if (worker === undefined || others.length > 0) throw new Error('there is not one worker');
  return worker;
}

test('its process, its memory and its counters', async () => {
  const agent = await start();
  expect(await workers(agent)).toEqual([]);
  for (const prompt of ['a b cached=0', 'a b cached=2'])
    expect((await agent.post(CHAT, chat(`${prompt} tokens=1`))).status).toBe(200);
  await eventually(async () => (await onlyWorker(agent)).steps === 2, 'it has told of both steps');
  const worker = await onlyWorker(agent);
  expect(worker).toMatchObject({
    model: 'm',
    state: 'ready',
    healthy: true,
    restarts: 0,
    last_log: ['loading m'],
    requests: { running: 0, waiting: 0 },
    circuit: { state: 'closed', failures: 0, limit: 5, retry_seconds: null },
    last_crash: null,
    memory: { active_bytes: 1_000_000, peak_bytes: 1_000_000, cache_bytes: 0 },
    prefix_cache: {
      memory_bytes: 5000,
      disk_bytes: 0,
      prompts: 2,
      hits: 1,
      prompt_tokens: 8,
      cached_tokens: 2,
    },
    speculation: { drafted_tokens: 8, accepted_tokens: 6, acceptance: 0.75 },
    seconds_since_progress: 0,
  });
  expect(worker.pid).toBe(agent.services.pool.peek('m')?.workerStatus().pid);
  expect(worker.memory_limit_bytes).toBe(agent.services.facts.memoryLimitBytes);
});

test('what runs and waits, and for how long nothing came of it', async () => {
  const agent = await start({ config: { max_batch_size: 1 } });
  const abort = new AbortController();
  const held = [1, 2].map(async () => await agent.post(CHAT, chat('mute'), { signal: abort.signal }));
  await eventually(async () => (await workers(agent))[0]?.requests.waiting === 1, 'one runs and one waits');
  await eventually(async () => ((await onlyWorker(agent)).seconds_since_progress ?? 0) > 0.2, 'it stands');
  expect((await onlyWorker(agent)).requests).toEqual({ running: 1, waiting: 1 });
  abort.abort();
  await Promise.allSettled(held);
  await eventually(async () => (await onlyWorker(agent)).seconds_since_progress === 0, 'it is idle');
});

test('its last crash, with the log of the process that crashed', async () => {
  // Kept: one that nobody asks for in time is not restarted, but begun anew.
  const agent = await start({ config: { models: [{ id: 'm', pin: true }] } });
  const before = Date.now();
  expect((await agent.post(CHAT, chat('crash=1'))).status).toBe(503);
  expect((await agent.post(CHAT, chat('tokens=1'))).status).toBe(200);
  const worker = await onlyWorker(agent);
  expect(worker).toMatchObject({
    state: 'ready',
    restarts: 1,
    circuit: { state: 'closed', failures: 1 },
    last_crash: { reason: 'exit code 9', log: ['loading m', 'the fake crashes as told'] },
  });
  expect(Date.parse(worker.last_crash?.at ?? '')).toBeGreaterThanOrEqual(before);
});

test('a circuit that is open', async () => {
  const agent = await start({ models: { m: { crash_on_load: true } } });
  const isOpen = async (): Promise<boolean> => {
    await agent.post(CHAT, chat('a'));
    return (await workers(agent))[0]?.circuit.state === 'open';
  };
  await eventually(isOpen, 'the circuit is open');
  const worker = await onlyWorker(agent);
  expect(worker).toMatchObject({
    state: 'broken',
    pid: null,
    circuit: { failures: 5, limit: 5 },
    last_crash: { reason: 'exit code 7', log: ['loading m'] },
    memory: null,
    memory_limit_bytes: null,
    prefix_cache: null,
    speculation: null,
    steps: null,
    seconds_since_progress: null,
  });
  expect(worker.circuit.retry_seconds).toBeGreaterThan(200);
});
