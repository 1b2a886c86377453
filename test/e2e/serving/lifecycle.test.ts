import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { type AgentProcess, isAlive, startAgent } from '../../support/agent-process.ts';

const MODEL = 'tiny-text';

let agent: AgentProcess | undefined;
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
});

/** A request that goes on until it is ended: no end token, the whole context. */
const endless = {
  model: MODEL,
  messages: [{ role: 'user' as const, content: 'go on' }],
  max_tokens: 8000,
  logit_bias: { '2': -100 },
};

const short = { model: MODEL, messages: [{ role: 'user' as const, content: 'hello' }], max_tokens: 8 };

async function running(target: AgentProcess): Promise<number> {
  return (await target.status()).requests.running;
}

/** Requests since the agent's start that a token has come for, those that have ended too. */
async function requestsWithTokens(target: AgentProcess): Promise<number> {
  const metrics = await (await fetch(`${target.url}/metrics`)).text();
  const count = /^vllm:time_to_first_token_seconds_count\{[^}]*\} (\d+)$/m.exec(metrics)?.[1];
  return Number(count ?? 0);
}

async function onlyWorkerPid(target: AgentProcess): Promise<number> {
  const [worker] = (await target.status()).workers;
  if (worker?.pid == null) throw new Error('no worker is running');
  return worker.pid;
}

/** Message of the error that a promise ends with. */
async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return String(error);
  }
  return 'it did not fail';
}

async function readAll(target: AgentProcess): Promise<void> {
  const stream = await target.client.chat.completions.create({ ...endless, stream: true });
  for await (const chunk of stream) expect(chunk.object).toBe('chat.completion.chunk');
}

test('starts from /', async () => {
  agent = await startAgent({ models: [MODEL], cwd: '/' });
  const completion = await agent.client.chat.completions.create(short);
  expect(completion.usage?.completion_tokens).toBeGreaterThan(0);
});

test.each([true, false])('a client that disconnects stops its generation (streaming: %s)', async (stream) => {
  const started = await startAgent({ models: [MODEL] });
  agent = started;
  await started.client.chat.completions.create(short);
  const abort = new AbortController();
  const request = fetch(`${started.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...endless, stream }),
    signal: abort.signal,
  }).catch(() => null);
  await expect.poll(() => running(started), { timeout: 10000, interval: 20 }).toBe(1);
  abort.abort();
  await expect.poll(() => running(started), { timeout: 1000, interval: 20 }).toBe(0);
  await request;
});

test('of the requests that a dead worker held, those with tokens fail clearly and those without are answered', async () => {
  const started = await startAgent({ models: [MODEL] });
  agent = started;
  const repeatable = { ...short, temperature: 0 };
  const [alone] = (await started.client.chat.completions.create(repeatable)).choices;
  const pid = await onlyWorkerPid(started);
  const streamed = failureOf(readAll(started));
  const plain = failureOf(started.client.chat.completions.create(endless));
  // Both have tokens, the plain one too, though its client has seen nothing of them.
  await expect.poll(() => requestsWithTokens(started), { timeout: 10000, interval: 20 }).toBe(3);
  process.kill(pid, 'SIGSTOP');
  const without = started.client.chat.completions.create(repeatable);
  await expect.poll(() => running(started), { timeout: 10000, interval: 20 }).toBe(3);
  process.kill(pid, 'SIGKILL');
  const told = /worker of model 'tiny-text' died while it held this request/;
  expect(await plain).toMatch(told);
  expect(await streamed).toMatch(told);
  expect((await without).choices[0]?.message).toEqual(alone?.message);
  expect(await onlyWorkerPid(started)).not.toBe(pid);
});

test('an agent that is killed leaves no worker behind', async () => {
  const started = await startAgent({ models: [MODEL] });
  agent = started;
  await started.client.chat.completions.create(short);
  const pid = await onlyWorkerPid(started);
  const held = started.client.chat.completions.create(endless).catch(() => null);
  await expect.poll(() => running(started), { timeout: 10000, interval: 20 }).toBe(1);
  started.process.kill('SIGKILL');
  await expect.poll(() => isAlive(pid), { timeout: 5000 }).toBe(false);
  await held;
});

test('a stop refuses new work, finishes what runs, and ends the workers', async () => {
  const started = await startAgent({ models: [MODEL] });
  agent = started;
  await started.client.chat.completions.create(short);
  const pid = await onlyWorkerPid(started);
  const held = started.client.chat.completions.create({ ...endless, max_tokens: 2000 });
  await expect.poll(() => running(started), { timeout: 10000, interval: 20 }).toBe(1);
  const exited = once(started.process, 'exit');
  started.process.kill('SIGTERM');
  await sleep(50);
  const refused = await fetch(`${started.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(short),
  }).then(
    (response) => response.status,
    () => 'connection refused',
  );
  expect([503, 'connection refused']).toContain(refused);
  expect((await held).usage?.completion_tokens).toBe(2000);
  await exited;
  expect(started.process.exitCode).toBe(0);
  expect(await isAlive(pid)).toBe(false);
});

test('a stop does not wait longer than its deadline', async () => {
  const started = await startAgent({ models: [MODEL], config: { drain_seconds: 0.5 } });
  agent = started;
  const failed = failureOf(started.client.chat.completions.create({ ...endless, n: 4 }));
  await expect.poll(() => running(started), { timeout: 10000, interval: 20 }).toBeGreaterThan(0);
  const start = performance.now();
  const exited = once(started.process, 'exit');
  started.process.kill('SIGTERM');
  await exited;
  expect(performance.now() - start).toBeLessThan(5000);
  expect(await failed).toMatch(/stop|drain|shut/i);
});

test('a model is unloaded when it was idle for its time, and loaded again on demand', async () => {
  const started = await startAgent({
    models: [MODEL],
    config: { models: [{ id: MODEL, ttl_seconds: 1 }] },
  });
  agent = started;
  await started.client.chat.completions.create(short);
  const pid = await onlyWorkerPid(started);
  await expect.poll(async () => (await started.status()).model.loaded, { timeout: 15_000 }).toBe(false);
  await expect.poll(() => isAlive(pid), { timeout: 5000 }).toBe(false);
  await started.client.chat.completions.create(short);
  expect((await started.status()).model).toMatchObject({ loaded: true, name: MODEL });
});

test('load and unload by the admin API', async () => {
  const started = await startAgent({ models: [MODEL] });
  agent = started;
  const loaded = await started.admin('/admin/load', { model: MODEL, pin: true });
  expect([loaded.status, await loaded.json()]).toMatchObject([
    200,
    { status: 'loaded', model: { pinned: true } },
  ]);
  const unloaded = await started.admin('/admin/unload', { model: MODEL });
  expect([unloaded.status, await unloaded.json()]).toEqual([200, { status: 'unloaded', model: MODEL }]);
  const refused = await fetch(`${started.adminUrl}/admin/load`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL }),
  });
  expect(refused.status).toBe(401);
});
