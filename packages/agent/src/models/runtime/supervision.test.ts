import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { adminStatusSchema } from '@mlxfleet/protocol';
import { afterEach, describe, expect, test } from 'vitest';
import { readEvents } from '../../test-support/read-events.ts';
import {
  chat,
  eventually,
  agentsForTests,
  type TestAgent,
  type TestAgentOptions,
} from '../../test-support/test-agent.ts';
import { WORKER_TIMES, type WorkerTimes } from '../../workers/worker-times.ts';
import type { ModelRuntime } from './model-runtime.ts';

const CHAT = '/v1/chat/completions';

/** The product's times, a few dozen times as quick; a busy machine must not look like a frozen worker. */
const TIMES: WorkerTimes = {
  ...WORKER_TIMES,
  ping: 25,
  idlePing: 100,
  unhealthy: 400,
  silent: 1200,
  longestStep: 1500,
  shortestStep: 1000,
  start: 4000,
  grace: 500,
  firstBackoff: 20,
};

interface Accident {
  readonly phase: 'start' | 'load' | 'prefill' | 'begun' | 'decode' | 'question';
  readonly how: 'crash' | 'kill' | 'freeze' | 'hang';
  /** How many workers meet with it; 1 when absent. */
  readonly times?: number;
}

let marks: string | null = null;
afterEach(() => {
  if (marks !== null) rmSync(marks, { recursive: true });
  marks = null;
});
// After the hook above: the last one runs first, and workers use the folder.
const startDisposed = agentsForTests();

async function start(options: TestAgentOptions = {}): Promise<TestAgent> {
  return await startDisposed({ ...options, overrides: { workerTimes: TIMES, ...options.overrides } });
}

/** An agent whose first workers meet with an accident. */
async function startWith(accident: Accident, options: TestAgentOptions = {}): Promise<TestAgent> {
  marks = mkdtempSync(path.join(os.tmpdir(), 'accident-'));
  const settings = JSON.stringify({ accident: { ...accident, mark: path.join(marks, 'mark') } });
  return await start({
    ...options,
    config: { max_batch_size: 1, env: { FAKE_WORKER: settings }, ...options.config },
  });
}

function runtimeOf(agent: TestAgent, id = 'm'): ModelRuntime {
  const runtime = agent.services.pool.peek(id);
  if (runtime === null) throw new Error(`${id} has no runtime`);
  return runtime;
}

/** Fake workers that this process has started and that have not ended. */
function workersAlive(): number {
  const lines = execFileSync('ps', ['-A', '-o', 'ppid=,stat=,args=']).toString().split('\n');
  return lines.filter((line) => {
    const [ppid, state = ''] = line.trim().split(/\s+/);
    return Number(ppid) === process.pid && !state.startsWith('Z') && line.includes('fake-worker.mjs');
  }).length;
}

/** Serves again, with one worker, and leaves none behind. */
async function expectRecovery(agent: TestAgent): Promise<void> {
  expect((await agent.post(CHAT, chat('tokens=1'))).status).toBe(200);
  expect(workersAlive()).toBe(1);
  await agent.stop();
  expect(workersAlive()).toBe(0);
}

const UNSEEN = ['start', 'load', 'prefill', 'begun'] as const;
const ENDS = ['crash', 'kill', 'freeze'] as const;

describe('what befalls a worker before a request has its first token', () => {
  test.each(UNSEEN.flatMap((phase) => ENDS.map((how) => ({ phase, how }))))(
    '$how in $phase: its client sees nothing of it, and what waits is served',
    async (accident) => {
      const agent = await startWith(accident);
      const answers = [1, 2].map(async () => await agent.post(CHAT, chat('tokens=3', { max_tokens: 3 })));
      for (const answer of await Promise.all(answers)) {
        expect([answer.status, await answer.json()]).toMatchObject([
          200,
          { choices: [{ message: { content: 't0 t1 t2 ' } }] },
        ]);
      }
      expect(runtimeOf(agent).workerStatus()).toMatchObject({ restarts: 1, healthy: true });
      await expectRecovery(agent);
    },
  );

  test.each(['crash', 'hang'] as const)(
    '%s: a stream has one opening chunk and the whole answer',
    async (how) => {
      const agent = await startWith({ phase: 'begun', how });
      const answer = await agent.post(CHAT, chat('tokens=3', { stream: true, max_tokens: 3 }));
      const events = readEvents(await answer.text());
      expect(events.at(-1)).toBe('[DONE]');
      const text = events.join('\n');
      expect(text.match(/"role":"assistant"/g)).toHaveLength(1);
      expect(text.match(/t\d /g)).toEqual(['t0 ', 't1 ', 't2 ']);
      await expectRecovery(agent);
    },
  );

  test('a client that goes away meanwhile is not served again', async () => {
    const agent = await startWith({ phase: 'prefill', how: 'freeze' });
    const abort = new AbortController();
    const gone = agent.post(CHAT, chat('tokens=3'), { signal: abort.signal }).catch(() => null);
    await eventually(() => agent.services.pool.peek('m')?.runningCount === 1, 'it runs');
    const frozen = runtimeOf(agent).workerStatus().pid;
    await eventually(() => runtimeOf(agent).waitingCount === 1, 'it waits for another worker');
    abort.abort();
    await gone;
    await eventually(() => !runtimeOf(agent).isActive, 'nobody wants the model');
    expect(runtimeOf(agent).workerStatus().pid).not.toBe(frozen);
    await expectRecovery(agent);
  });
});

describe('what befalls a worker while it decodes', () => {
  test.each([...ENDS, 'hang'] as const)(
    '%s: its client gets an error, and what waits is served',
    async (how) => {
      const agent = await startWith({ phase: 'decode', how });
      const held = agent.post(CHAT, chat('tokens=9', { max_tokens: 9 }));
      await eventually(() => agent.services.pool.peek('m')?.runningCount === 1, 'one runs');
      const waiting = agent.post(CHAT, chat('tokens=1'));
      const answer = await held;
      expect([answer.status, answer.headers.get('retry-after'), await answer.json()]).toMatchObject([
        503,
        '1',
        { error: { code: 'worker_crashed' } },
      ]);
      expect((await waiting).status).toBe(200);
      await expectRecovery(agent);
    },
  );

  test('one that does not end when asked to is killed', async () => {
    const agent = await startWith(
      { phase: 'decode', how: 'freeze' },
      { models: { m: { ignore_term: true } } },
    );
    expect((await agent.post(CHAT, chat('tokens=9', { max_tokens: 9 }))).status).toBe(503);
    await expectRecovery(agent);
  });

  test('a freeze shows in its health before it is replaced', async () => {
    const agent = await startWith({ phase: 'decode', how: 'freeze' });
    const held = agent.post(CHAT, chat('tokens=9', { max_tokens: 9 }));
    await eventually(() => agent.services.pool.peek('m')?.workerStatus().healthy === true, 'it serves');
    await eventually(() => !runtimeOf(agent).workerStatus().healthy, 'it is unhealthy');
    expect(runtimeOf(agent).workerStatus().state).toBe('ready');
    expect(await (await held).json()).toMatchObject({
      error: { message: /while it held this request \(it has not answered for 1\.2 s\)\.$/ },
    });
  });

  test('an engine that hangs and answers pings is replaced when its step budget is spent', async () => {
    const agent = await startWith({ phase: 'decode', how: 'hang' });
    const answer = await agent.post(CHAT, chat('tokens=9', { max_tokens: 9 }));
    expect(await answer.json()).toMatchObject({ error: { message: /\(it made no progress for 1 s\)\.$/ } });
  });

  test('a slow worker that gets on is left alone', async () => {
    const agent = await start({ models: { m: { step_ms: 700 } } });
    const answer = await agent.post(CHAT, chat('tokens=4'));
    expect(answer.status).toBe(200);
    expect(runtimeOf(agent).workerStatus().restarts).toBe(0);
  });
});

describe('a request that kills its workers', () => {
  test.each([
    { phase: 'prefill', stream: false },
    { phase: 'begun', stream: true },
  ] as const)('fails at the second one, and does not take the third: $phase', async ({ phase, stream }) => {
    const agent = await startWith({ phase, how: 'crash', times: 2 });
    const answer = await agent.post(CHAT, chat('a', { stream }));
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { error: { code: 'worker_crashed', message: /died 2 times while it held this request/ } },
    ]);
    await expectRecovery(agent);
  });

  test('a worker that dies at two loads is told of', async () => {
    const agent = await startWith({ phase: 'load', how: 'kill', times: 2 });
    const answer = await agent.post(CHAT, chat('a'));
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { error: { code: 'model_load_failed', message: /could not be loaded: signal SIGKILL/ } },
    ]);
    await eventually(() => !runtimeOf(agent).isActive, 'the worker rests');
    await expectRecovery(agent);
  });
});

const BROKEN = { models: { m: { load_error: 'no weights in /home/ann/m, token hf_AbCdEfGhIjKlMnOp' } } };

async function breakIt(agent: TestAgent): Promise<void> {
  for (let tries = 0; tries < 50; tries += 1) {
    await agent.post(CHAT, chat('a'));
    await eventually(() => !runtimeOf(agent).isActive, 'it has ended');
    if (runtimeOf(agent).isBroken) return;
  }
  throw new Error('it never broke');
}

describe('a worker that fails again and again', () => {
  test('rests; its clients are told why at once, and those who run the host all of it', async () => {
    const agent = await start({ ...BROKEN, config: { models: [{ id: 'm' }] } });
    await breakIt(agent);
    const answer = await agent.post(CHAT, chat('a'));
    expect([answer.status, Number(answer.headers.get('retry-after')), await answer.json()]).toMatchObject([
      503,
      expect.closeTo(300, -1),
      {
        error: {
          type: 'service_unavailable_error',
          code: 'worker_broken',
          message:
            "The worker of model 'm' failed 5 times in a row and rests: no weights in m, token ***; " +
            'its log ends with: loading m',
        },
      },
    ]);
    await expect(runtimeOf(agent).ask({ type: 'detokenize', tokens: [] })).rejects.toMatchObject({
      code: 'WORKER_BROKEN',
    });
    const status = adminStatusSchema.parse(await (await fetch(`${agent.adminUrl}/admin/status`)).json());
    expect(status).toMatchObject({
      worker: { healthy: false, status: 'broken' },
      models: [{ state: 'failed', error: /in \/home\/ann\/m, token hf_A/ }],
      workers: [{ state: 'broken', pid: null, last_log: Array.from({ length: 5 }, () => 'loading m') }],
    });
    expect(workersAlive()).toBe(0);
  });

  test('is tried at once by hand, and tells how that went', async () => {
    const agent = await start(BROKEN);
    await breakIt(agent);
    await expect(runtimeOf(agent).load()).rejects.toMatchObject({ code: 'MODEL_LOAD_FAILED' });
    expect(runtimeOf(agent).isBroken).toBe(false);
  });

  test('serves again after its rest; a pinned model is loaded without being asked for', async () => {
    const agent = await startWith(
      { phase: 'load', how: 'crash', times: 5 },
      {
        config: { models: [{ id: 'm', pin: true }] },
        overrides: { workerTimes: { ...TIMES, firstBackoff: 5, coolDown: 300 } },
      },
    );
    await expect.poll(() => agent.services.pool.peek('m')?.isBroken, { timeout: 15_000 }).toBe(true);
    await eventually(() => runtimeOf(agent).isReady, 'it is back');
    expect(runtimeOf(agent).status().error).toBeNull();
    await expectRecovery(agent);
  });

  test('an agent stops while a worker rests', async () => {
    const agent = await start(BROKEN);
    await breakIt(agent);
    await agent.stop();
    expect(runtimeOf(agent).isBroken).toBe(false);
  });
});

describe('questions', () => {
  test('load the model, and are answered beside completions', async () => {
    const agent = await start();
    const runtime = await agent.services.pool.acquire('m');
    const prompt = { kind: 'text', text: 'AB' } as const;
    const [tokenized, detokenized, embedded] = await Promise.all([
      runtime.ask({ type: 'tokenize', prompt, add_special_tokens: true, cache_scope: null }),
      runtime.ask({ type: 'detokenize', tokens: [67, 68] }),
      runtime.ask({ type: 'embed', inputs: ['ab', [1]], dimensions: 2 }),
    ]);
    expect([tokenized.tokens, detokenized.text]).toEqual([[65, 66], 'CD']);
    expect(embedded.embeddings).toHaveLength(2);
    await expect(runtime.ask({ type: 'embed', inputs: ['invalid'], dimensions: null })).rejects.toMatchObject(
      {
        code: 'INVALID_VALUE',
        param: 'input',
      },
    );
    expect(runtime.status().last_used_at).not.toBeNull();
  });

  test.each(ENDS)('%s: the next worker is asked', async (how) => {
    const agent = await startWith({ phase: 'question', how });
    const runtime = await agent.services.pool.acquire('m');
    // Frozen or not, a worker that only embeds owes steps too.
    const { prompt_tokens: tokens } = await runtime.ask({ type: 'embed', inputs: ['abc'], dimensions: null });
    expect(tokens).toBe(3);
    expect(runtime.workerStatus().restarts).toBe(1);
    await expectRecovery(agent);
  });

  test('a worker that hangs over vectors is replaced', async () => {
    const agent = await startWith({ phase: 'question', how: 'hang' });
    const runtime = await agent.services.pool.acquire('m');
    const { embeddings } = await runtime.ask({ type: 'embed', inputs: ['abc'], dimensions: null });
    expect(embeddings).toHaveLength(1);
    expect(runtime.workerStatus()).toMatchObject({ restarts: 1, last_exit: /no progress for 1\.5 s/ });
  });

  test('keep the model from being unloaded until they are answered, unless by force', async () => {
    const agent = await start();
    const runtime = await agent.services.pool.acquire('m');
    const prompt = { kind: 'text', text: 'mute' } as const;
    const held = runtime.ask({ type: 'tokenize', prompt, add_special_tokens: true, cache_scope: null });
    await eventually(() => runtime.runningCount === 1, 'the worker has it');
    expect(runtime.resident()).toMatchObject({ busy: true });
    const unloaded = runtime.unload(false);
    expect(runtime.status().state).toBe('unloading');
    const forced = runtime.unload(true);
    await expect(held).rejects.toMatchObject({ code: 'MODEL_UNLOADED' });
    expect(await Promise.all([unloaded, forced])).toEqual([true, true]);
  });

  test('fail with the load', async () => {
    const agent = await start({ models: { m: { load_error: 'bad weights' } } });
    const runtime = await agent.services.pool.acquire('m');
    await expect(runtime.ask({ type: 'detokenize', tokens: [] })).rejects.toMatchObject({
      code: 'MODEL_LOAD_FAILED',
    });
  });
});

describe('memory', () => {
  test('a request that has no room is a 503 that says when to come again', async () => {
    const agent = await start();
    const answer = await agent.post(CHAT, chat('no-memory'));
    expect([answer.status, answer.headers.get('retry-after'), await answer.json()]).toMatchObject([
      503,
      '5',
      { error: { code: 'memory_exhausted', message: 'the fake has no room' } },
    ]);
  });

  test('what a worker holds is known, and given back when asked for', async () => {
    const agent = await start();
    expect((await agent.post(CHAT, chat('tokens=1'))).status).toBe(200);
    const runtime = runtimeOf(agent);
    await eventually(() => runtime.memory() !== null, 'it has told');
    expect(runtime.memory()).toEqual({
      activeBytes: 1_000_000,
      cacheBytes: 0,
      peakBytes: 1_000_000,
      prefixCacheBytes: 5000,
      prefixDiskBytes: 0,
      imageCacheBytes: 0,
      featureCacheBytes: 0,
    });
    expect(runtime.speculation()).toEqual({ draftedTokens: 8, acceptedTokens: 6 });
    runtime.shrink(1000);
    await eventually(() => runtime.memory()?.prefixCacheBytes === 1000, 'it has shrunk');
    await runtime.unload(true);
    expect([runtime.memory(), runtime.speculation()]).toEqual([null, null]);
    const log = readFileSync(path.join(agent.root, 'logs', 'worker-m.log'), 'utf8');
    expect(log).toContain('shrink to 1000');
  });
});

test('a model whose load failed leaves its room to others before its worker has rested', async () => {
  const agent = await start({
    models: { good: { weights: 1000 }, bad: { weights: 1000, load_error: 'no' } },
    overrides: { workerTimes: { ...TIMES, firstBackoff: 60_000 } },
  });
  const { pool } = agent.services;
  await expect((await pool.acquire('bad')).load()).rejects.toThrow(/no/);
  await eventually(() => runtimeOf(agent, 'bad').workerStatus().state === 'backoff', 'it rests');
  expect(pool.residents()).toEqual([]);
  await (await pool.acquire('good')).load();
  expect(runtimeOf(agent, 'good').workerDetail().memory_limit_bytes).toBe(
    agent.services.facts.memoryLimitBytes,
  );
  // The other way about: what is tried by hand again counts at once.
  const again = runtimeOf(agent, 'bad').load();
  expect(pool.residents().map(({ id }) => id)).toEqual(['bad', 'good']);
  await expect(again).rejects.toThrow(/no/);
});

test('one that breaks while it is to be unloaded fails what waits, and is not loaded for nobody', async () => {
  const agent = await start({ config: { max_batch_size: 1 } });
  const ask = async (): Promise<Response> => await agent.post(CHAT, chat('mute'));
  const runs = (count: number) => () => agent.services.pool.peek('m')?.runningCount === count;
  let killed: number | null = null;
  const killWorker = async (): Promise<void> => {
    await eventually(() => runs(1)() && runtimeOf(agent).workerStatus().pid !== killed, 'a request runs');
    killed = runtimeOf(agent).workerStatus().pid;
    process.kill(killed ?? Number.NaN, 'SIGKILL');
  };
  for (let request = 0; request < 2; request += 1) {
    const answer = ask();
    await killWorker();
    await killWorker();
    expect((await answer).status).toBe(503);
  }
  const answers = [ask(), ask()];
  await eventually(runs(1), 'one runs');
  await eventually(() => runtimeOf(agent).waitingCount === 1, 'one waits');
  const unloaded = runtimeOf(agent).unload(false);
  await killWorker();
  for (const answer of await Promise.all(answers)) {
    expect(await answer.json()).toMatchObject({ error: { code: 'worker_broken' } });
  }
  expect(await unloaded).toBe(true);
  expect(runtimeOf(agent).isActive).toBe(false);
  const log = readFileSync(path.join(agent.root, 'logs', 'worker-m.log'), 'utf8');
  expect(log.match(/loading m/g)).toHaveLength(5);
});
