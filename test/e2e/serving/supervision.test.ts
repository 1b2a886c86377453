import { execFileSync } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerState } from '@mlxfleet/protocol';
import OpenAI, { APIError } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestAgent, type TestAgent } from '../../../packages/agent/src/test-support/test-agent.ts';
import type { ModelRuntime } from '../../../packages/agent/src/models/runtime/model-runtime.ts';
import { WORKER_TIMES, type WorkerTimes } from '../../../packages/agent/src/workers/worker-times.ts';
import { workerSource } from '../../../scripts/lib/paths.ts';
import { ensureTextEnvironment } from '../../../scripts/lib/text-environment.ts';
import { ensureVisionEnvironment } from '../../../scripts/lib/vision-environment.ts';
import { type AgentProcess, isAlive, startAgent } from '../../support/agent-process.ts';
import { describeUnless } from '../../support/skipping.ts';
import { testModel } from '../../support/test-model.ts';
import { childrenOf, ownMemory, workersOf } from '../../support/worker-processes.ts';

const TEXT = 'tiny-text';
const VECTORS = 'all-MiniLM-L6-v2';

/** Short, and still long for an interpreter on a busy machine. Each failure is the first: no worker comes to rest. */
const TIMES: WorkerTimes = {
  ...WORKER_TIMES,
  ping: 100,
  idlePing: 500,
  unhealthy: 1500,
  silent: 3000,
  shortestStep: 20_000,
  longestStep: 60_000,
  grace: 2000,
  firstBackoff: 50,
  steady: 1,
};

/** What the system does to a process for want of memory, and what stops one without ending it. */
const SIGNALS = ['SIGKILL', 'SIGSTOP'] as const;

type Signal = (typeof SIGNALS)[number] | 'SIGSEGV';

/** In this process, with real workers. */
let agent: TestAgent;
let client: OpenAI;
let python: string;
/** With the product's own times, in a process of its own; frozen while the other tests run. */
let product: AgentProcess;
let productFreeze: ReturnType<typeof freeze>;
/** What an undisturbed worker answers to SHORT, and what memory it has to itself. */
let text: string;
let memory: number;

beforeAll(async () => {
  python = await ensureTextEnvironment();
  product = await startAgent({ models: [TEXT] });
  productFreeze = freeze(product);
  agent = await startTestAgent({
    models: {},
    // Two run, further ones wait.
    config: { max_batch_size: 2 },
    overrides: {
      worker: { python, source: workerSource, visionPython: await ensureVisionEnvironment() },
      workerTimes: TIMES,
    },
  });
  for (const model of [TEXT, VECTORS] as const) {
    await cp(await testModel(model), path.join(agent.root, 'shared', 'models', model), { recursive: true });
  }
  client = new OpenAI({ baseURL: `${agent.url}/v1`, apiKey: 'any', maxRetries: 0 });
  text = await answerText();
  if (text === '') throw new Error('an empty answer proves nothing');
  memory = await ownMemory(pidOf(TEXT));
});

afterAll(async () => {
  await agent.dispose();
  await product.stop();
});

/** Freezes the worker of an agent, asks it something, and watches what follows. */
async function freeze(target: AgentProcess) {
  await target.client.chat.completions.create(SHORT);
  const [worker] = (await target.status()).workers;
  const pid = worker?.pid ?? null;
  if (pid === null) throw new Error('the agent has no worker');
  process.kill(pid, 'SIGSTOP');
  const begun = performance.now();
  let wasUnhealthy = false;
  const waiting = target.client.chat.completions.create(SHORT);
  const ended = waiting.then(
    () => true,
    () => true,
  );
  while (!(await Promise.race([ended, sleep(500)]))) {
    wasUnhealthy ||= !(await target.status()).worker.healthy;
  }
  const completion = await waiting;
  const milliseconds = performance.now() - begun;
  return { pid, wasUnhealthy, completion, milliseconds, workers: await workersOf(target.pid) };
}

function runtimeOf(model: string): ModelRuntime | null {
  return agent.services.pool.peek(model) ?? null;
}

/** Process id of a model's worker; null while there is none. */
function workerPid(model: string): number | null {
  return runtimeOf(model)?.workerStatus().pid ?? null;
}

/** The same for signals. Throws while there is none: a signal to 0 goes to the whole group of processes. */
function pidOf(model: string): number {
  const pid = workerPid(model);
  if (pid === null) throw new Error(`${model} has no worker`);
  return pid;
}

function user(content: string): { role: 'user'; content: string }[] {
  return [{ role: 'user', content }];
}

const SHORT = { model: TEXT, messages: user('hello'), max_tokens: 8, temperature: 0 };

/** Goes on until it is ended: no end token, the whole context. */
const ENDLESS = { model: TEXT, messages: user('go on'), max_tokens: 8000, logit_bias: { '2': -100 } };

/** Goes on in a grammar. */
const CONSTRAINED = {
  model: TEXT,
  messages: user('count'),
  max_tokens: 8000,
  response_format: {
    type: 'json_schema' as const,
    json_schema: {
      name: 'numbers',
      schema: { type: 'array', items: { type: 'integer' }, minItems: 4000, maxItems: 4000 },
    },
  },
};

async function answerText(): Promise<string> {
  const { choices } = await client.chat.completions.create(SHORT);
  return choices[0]?.message.content ?? '';
}

async function embed(count: number): Promise<number> {
  const input = Array<string>(count).fill('stripe '.repeat(60));
  return (await client.embeddings.create({ model: VECTORS, input })).data.length;
}

/** Waits for a worker to be in a state, looking often: real states pass quickly. Answers its process id. */
async function untilState(model: string, state: WorkerState): Promise<number> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    const pid = workerPid(model);
    if (runtimeOf(model)?.workerStatus().state === state && pid !== null) return pid;
    await sleep(1);
  }
  throw new Error(`the worker was never ${state}`);
}

async function untilRunning(model: string, count: number): Promise<void> {
  await expect.poll(() => runtimeOf(model)?.runningCount, { interval: 2, timeout: 60_000 }).toBe(count);
}

/** Another worker serves as the first one did; the old one, and what it had started, is gone. */
async function expectRecovery(model: string, oldPid: number, helpers: readonly number[] = []): Promise<void> {
  await expectService(model);
  expect(pidOf(model)).not.toBe(oldPid);
  for (const gone of [oldPid, ...helpers]) await expect.poll(() => isAlive(gone)).toBe(false);
}

/** The next request works, no other one is left, and no worker that nobody knows of. */
async function expectService(model: string): Promise<void> {
  expect(model === TEXT ? await answerText() : await embed(1)).toBe(model === TEXT ? text : 1);
  const known = [TEXT, VECTORS].map(workerPid).filter((each) => each !== null);
  expect(new Set(await workersOf(process.pid))).toEqual(new Set(known));
  expect(runtimeOf(model)).toMatchObject({ runningCount: 0, waitingCount: 0 });
}

/** What a streamed answer brought, and how it ended. */
interface Streamed {
  readonly roles: number;
  readonly text: string;
  readonly error: string | null;
}

/** Reads a stream to its end; `onChunk` is called with the text that has come so far. */
async function readStream(
  request: OpenAI.ChatCompletionCreateParamsNonStreaming,
  onChunk: (soFar: string) => void,
): Promise<Streamed> {
  let roles = 0;
  let soFar = '';
  try {
    const stream = await client.chat.completions.create({ ...request, stream: true });
    for await (const { choices } of stream) {
      if (choices[0]?.delta.role !== undefined) roles += 1;
      soFar += choices[0]?.delta.content ?? '';
      onChunk(soFar);
    }
    return { roles, text: soFar, error: null };
  } catch (error) {
    return { roles, text: soFar, error: String(error) };
  }
}

/** Streams two answers side by side, and calls `strike` once when both have text. */
async function whileBothDecode(
  request: OpenAI.ChatCompletionCreateParamsNonStreaming,
  strike: () => void,
): Promise<Streamed[]> {
  const lengths = [0, 0];
  let isStruck = false;
  return await Promise.all(
    lengths.map(
      async (_, index) =>
        await readStream(request, (soFar) => {
          lengths[index] = soFar.length;
          if (isStruck || lengths.some((length) => length < 10)) return;
          isStruck = true;
          strike();
        }),
    ),
  );
}

describe.each(SIGNALS)('before the first token, the next worker answers: %s', (signal) => {
  test('of an idle worker', async () => {
    const pid = pidOf(TEXT);
    process.kill(pid, signal);
    expect(await Promise.all([answerText(), answerText()])).toEqual([text, text]);
    await expectRecovery(TEXT, pid);
  });

  test('of one that loads', async () => {
    await runtimeOf(TEXT)?.unload(true);
    const answers = Promise.all([answerText(), answerText()]);
    const pid = await untilState(TEXT, 'loading');
    process.kill(pid, signal);
    expect(await answers).toEqual([text, text]);
    await expectRecovery(TEXT, pid);
  });

  test('of one that has not looked at its requests, with more in the queue', async () => {
    const pid = pidOf(TEXT);
    process.kill(pid, 'SIGSTOP');
    const answers = Promise.all([answerText(), answerText(), answerText()]);
    await untilRunning(TEXT, 2);
    process.kill(pid, signal);
    expect(await answers).toEqual([text, text, text]);
    await expectRecovery(TEXT, pid);
  });

  test('in prefill; the stream begins once', async () => {
    const pid = pidOf(TEXT);
    // Not the prompt of the test before, which the worker has kept.
    const long = { ...SHORT, messages: user(`${signal} ${'so '.repeat(2500)}`), max_tokens: 4 };
    let hasBegun = false;
    const stream = readStream(long, () => {
      hasBegun = true;
    });
    await untilRunning(TEXT, 1);
    // Thousands of tokens take the worker seconds, and it has begun with them by then.
    await sleep(300);
    process.kill(pid, signal);
    expect(hasBegun).toBe(false);
    const streamed = await stream;
    expect(streamed).toMatchObject({ roles: 1, error: null });
    expect(streamed.text).not.toBe('');
    await expectRecovery(TEXT, pid);
  });

  test('of one that embeds', async () => {
    expect(await embed(1)).toBe(1);
    const pid = pidOf(VECTORS);
    const vectors = embed(20);
    await untilRunning(VECTORS, 1);
    process.kill(pid, signal);
    expect(await vectors).toBe(20);
    await expectRecovery(VECTORS, pid);
  });
});

test('a worker that is killed while it starts is followed by one that answers', async () => {
  await runtimeOf(TEXT)?.unload(true);
  const answers = Promise.all([answerText(), answerText()]);
  const pid = await untilState(TEXT, 'starting');
  process.kill(pid, 'SIGKILL');
  expect(await answers).toEqual([text, text]);
  await expectRecovery(TEXT, pid);
});

describe.each<{ name: string; signal: Signal; request: typeof ENDLESS | typeof CONSTRAINED }>([
  { name: 'SIGKILL', signal: 'SIGKILL', request: ENDLESS },
  { name: 'SIGSTOP', signal: 'SIGSTOP', request: ENDLESS },
  { name: 'SIGSEGV', signal: 'SIGSEGV', request: ENDLESS },
  { name: 'SIGKILL in a grammar', signal: 'SIGKILL', request: CONSTRAINED },
  { name: 'SIGSTOP in a grammar', signal: 'SIGSTOP', request: CONSTRAINED },
])('while it decodes: $name', ({ signal, request }) => {
  test('clients are told, and what waits is answered', async () => {
    const pid = pidOf(TEXT);
    let waiting = Promise.resolve('');
    let helpers: Promise<number[]> = Promise.resolve([]);
    const streams = await whileBothDecode(request, () => {
      waiting = answerText();
      // Grammars are tried in a process of the worker's own.
      helpers = childrenOf(pid).then((children) => children.map((child) => child.pid));
      void helpers.then(() => process.kill(pid, signal));
    });
    for (const { error } of streams) {
      expect(error).toMatch(/worker of model 'tiny-text' died while it held this request/);
    }
    expect(await waiting).toBe(text);
    expect(await helpers).toHaveLength(request === CONSTRAINED ? 1 : 0);
    await expectRecovery(TEXT, pid, await helpers);
  });
});

/** Lets a process have so many more bytes, by its own interpreter: not every machine has a program for that. */
async function limitMemory(pid: number, more: number): Promise<void> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  const bytes = Number(/VmSize:\s+(\d+) kB/.exec(status)?.[1]) * 1024 + more;
  const program =
    'import resource, sys; pid, most = map(int, sys.argv[1:]); resource.prlimit(pid, resource.RLIMIT_AS, (most, most))';
  execFileSync(python, ['-c', program, String(pid), String(bytes)]);
}

/** The HTTP status of whatever comes. */
async function statusOf(answer: Promise<unknown>): Promise<number> {
  try {
    await answer;
    return 200;
  } catch (error) {
    if (error instanceof APIError) return Number(error.status);
    throw error;
  }
}

describeUnless(
  process.platform === 'linux' ? null : 'limits of a running process are Linux only',
  'of a worker that gets no more memory every client gets an answer, and the next request works',
  () => {
    test('in prefill', async () => {
      const request = { ...ENDLESS, messages: user('so '.repeat(1200)), max_tokens: 20 };
      const pid = pidOf(TEXT);
      await limitMemory(pid, 0);
      const statuses = await Promise.all(
        // More than a worker may fail to prepare before it is taken for broken.
        Array.from({ length: 6 }, async () => await statusOf(client.chat.completions.create(request))),
      );
      for (const status of statuses) expect([200, 500, 503]).toContain(status);
      await expectRecovery(TEXT, pid);
    });

    test.each([
      ['in decoding', ENDLESS],
      ['in a grammar', CONSTRAINED],
    ])('%s', async (_, request) => {
      const pid = pidOf(TEXT);
      let limited = Promise.resolve();
      const streams = await whileBothDecode(request, () => {
        limited = limitMemory(pid, 0);
      });
      await limited;
      for (const { error } of streams) expect(error).toMatch(/memory|worker/i);
      await expectRecovery(TEXT, pid);
    });

    test('in embedding', async () => {
      expect(await embed(1)).toBe(1);
      const pid = pidOf(VECTORS);
      await limitMemory(pid, 1_000_000);
      // It may get along with the buffers that it has.
      expect([200, 500, 503]).toContain(await statusOf(embed(20)));
      await expectService(VECTORS);
    });

    test('in the end as much is in use as at the beginning', async () => {
      await runtimeOf(VECTORS)?.unload(true);
      expect(runtimeOf(VECTORS)?.resident()).toBeNull();
      const pid = pidOf(TEXT);
      expect(await workersOf(process.pid)).toEqual([pid]);
      expect(await ownMemory(pid)).toBeLessThan(1.3 * memory);
      await runtimeOf(TEXT)?.unload(true);
      expect(runtimeOf(TEXT)?.resident()).toBeNull();
      expect(await workersOf(process.pid)).toEqual([]);
    });
  },
);

test("with the product's own times a frozen worker is replaced within about a minute", async () => {
  const { pid, wasUnhealthy, completion, milliseconds, workers } = await productFreeze;
  expect(wasUnhealthy).toBe(true);
  expect(completion.usage?.completion_tokens).toBeGreaterThan(0);
  expect(milliseconds).toBeLessThan(75_000);
  expect(workers).toHaveLength(1);
  expect(workers).not.toContain(pid);
});
