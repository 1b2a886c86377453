import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { adminStatusSchema } from '@mlxfleet/protocol';
import { describe, expect, test } from 'vitest';
import { memoryReading } from '../test-support/memory-reading.ts';
import {
  agentsForTests,
  eventually,
  FAKE_WORKERS,
  makeRoot,
  type TestAgent,
  type TestAgentOptions,
} from '../test-support/test-agent.ts';

const RELEASE = '20261123T040000Z-3f9ac2e1';

const startDisposed = agentsForTests();

async function start(options: TestAgentOptions = {}): Promise<TestAgent> {
  return await startDisposed({ ...options, overrides: { release: RELEASE, ...options.overrides } });
}

interface Outcome {
  readonly code: number;
  readonly events: readonly unknown[];
}

async function control(...args: string[]): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const child = execFile(
    process.execPath,
    [path.join(import.meta.dirname, 'main.ts'), ...args],
    (_, stdout) => {
      const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
      resolve({ code: child.exitCode ?? -1, events: lines.map((line): unknown => JSON.parse(line)) });
    },
  );
  return await promise;
}

test('status prints what the agent says, or exits 3', async () => {
  const agent = await start();
  const { code, events } = await control('status', '--root', agent.root);
  expect(code).toBe(0);
  expect(adminStatusSchema.parse(events[0])).toMatchObject({ release: RELEASE, status: 'running' });
  expect(await control('status', '--root', '/nonexistent')).toEqual({ code: 3, events: [] });
  expect((await control('stauts', '--root', agent.root)).code).toBe(2);
  expect((await control('status', '--rot', agent.root)).code).toBe(2);
});

async function openGate(agent: TestAgent, ...args: string[]): Promise<Outcome> {
  return await control('gate', '--root', agent.root, '--release', RELEASE, ...args);
}

function addEmbeddingModel(agent: TestAgent, name: string): void {
  const folder = path.join(agent.root, 'shared', 'models', name);
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify({ fake: {}, model_type: 'bert' }));
}

describe('the gate', () => {
  test('opens after a completion of the only model, past keys and a wide bind', async () => {
    const agent = await start({
      config: { api: { bind: '0.0.0.0', port: 0, key_hashes: ['0'.repeat(64)] } },
    });
    const { code, events } = await control('gate', '--root', agent.root, '--release', RELEASE);
    expect(events).toEqual([
      { event: 'ready', release: RELEASE, version: expect.any(String), seconds: expect.any(Number) },
      {
        event: 'completion',
        model: 'm',
        text: expect.stringMatching(/^t0 t1 /),
        completion_tokens: 16,
        load_seconds: expect.any(Number),
        first_token_seconds: expect.any(Number),
        tokens_per_second: expect.any(Number),
      },
    ]);
    expect(code).toBe(0);
  });

  test('a model that is listed, and neither here nor fetched, is told as left out', async () => {
    const agent = await start({
      config: { models: [{ id: 'nosuch' }, { id: 'm' }, { id: 'org/away' }] },
    });
    const place = path.join(agent.root, 'shared', 'models', 'nosuch');
    const { code, events } = await openGate(agent);
    expect([code, ...events]).toMatchObject([
      0,
      { event: 'ready' },
      { event: 'completion', model: 'm' },
      { event: 'left-out', model: 'nosuch', message: `it is not on this host: copy it to ${place}` },
      { event: 'left-out', model: 'org/away', message: /the hub may not be asked: take HF_HUB_OFFLINE out/ },
    ]);
    const { events: named } = await openGate(agent, '--model', 'nosuch');
    expect(named.at(-1)).toMatchObject({ event: 'failed', code: 'COMPLETION_FAILED' });
    const status = adminStatusSchema.parse((await control('status', '--root', agent.root)).events[0]);
    expect(status.missing?.map(({ model }) => model)).toEqual(['nosuch', 'org/away']);
  });

  test('a model of the hub that is fetched when it is asked for is not left out', async () => {
    const agent = await start({ config: { env: {}, models: [{ id: 'm' }, { id: 'org/away' }] } });
    expect((await openGate(agent)).events).toMatchObject([{ event: 'ready' }, { model: 'm' }]);
  });

  test('with --ready-only no model has to answer', async () => {
    const agent = await start();
    expect(await control('gate', '--root', agent.root, '--release', RELEASE, '--ready-only')).toMatchObject({
      code: 0,
      events: [{ event: 'ready' }],
    });
  });

  test('without a model, being ready is enough', async () => {
    const agent = await start({ models: {} });
    expect(await control('gate', '--root', agent.root, '--release', RELEASE)).toMatchObject({
      code: 0,
      events: [{ event: 'ready' }],
    });
  });

  test('an embedding model is not asked for a text, wherever its name stands', async () => {
    const agent = await start();
    addEmbeddingModel(agent, 'a-vectors');
    expect(await openGate(agent)).toMatchObject({
      code: 0,
      events: [{ event: 'ready' }, { event: 'completion', model: 'm' }],
    });
    await agent.dispose();
    const other = await start({ models: {} });
    addEmbeddingModel(other, 'a-vectors');
    expect(await openGate(other)).toMatchObject({ code: 0, events: [{ event: 'ready' }] });
  });

  describe('where a model sees', () => {
    const seeing = { vision: true };
    const configured = { models: [{ id: 'seeing' }] };
    const both = { models: [{ id: 'm' }, { id: 'seeing' }] };

    test('it is shown an image beside the text model, when the configuration names it', async () => {
      const agent = await start({ models: { m: {}, seeing }, config: both });
      const outcome = {
        code: 0,
        events: [
          { event: 'ready' },
          { event: 'completion', model: 'm' },
          { event: 'completion', model: 'seeing', image_tokens: 10, completion_tokens: 16 },
        ],
      };
      expect(await openGate(agent)).toMatchObject(outcome);
      expect((await openGate(agent, '--model', 'm')).events).toMatchObject(outcome.events);
      expect((await openGate(agent, '--model', 'seeing')).events).toMatchObject([
        { event: 'ready' },
        { event: 'completion', model: 'seeing', image_tokens: 10 },
      ]);
    });

    test('and nobody counts on it, it is asked only where no other model generates text', async () => {
      const agent = await start({ models: { m: {}, seeing } });
      expect((await openGate(agent)).events).toMatchObject([{ event: 'ready' }, { model: 'm' }]);
      await agent.dispose();
      const other = await start({ models: { seeing } });
      expect((await openGate(other)).events).toMatchObject([{ event: 'ready' }, { image_tokens: 10 }]);
    });

    test('and does not see the image, the gate stays shut', async () => {
      const agent = await start({ models: { seeing: { ...seeing, blind: true } }, config: configured });
      expect(await openGate(agent)).toMatchObject({
        code: 1,
        events: [
          { event: 'ready' },
          {
            event: 'failed',
            code: 'COMPLETION_FAILED',
            message: 'seeing answers, and was not shown the image',
          },
        ],
      });
    });

    test('a host without the vision environment is asked for it only by name', async () => {
      const agent = await start({
        models: { m: {}, seeing },
        config: both,
        overrides: { worker: { ...FAKE_WORKERS, visionPython: null } },
      });
      expect(await openGate(agent)).toMatchObject({
        code: 0,
        events: [
          { event: 'ready' },
          { event: 'completion', model: 'm' },
          { event: 'left-out', model: 'seeing', message: /set vision: true in the inventory/ },
        ],
      });
      expect((await openGate(agent, '--model', 'seeing')).events).toMatchObject([
        { event: 'ready' },
        { event: 'failed', message: /seeing does not answer: .*set vision: true in the inventory/ },
      ]);
    });
  });

  test('a vision model that has no room is left out, once the models are up that are to be loaded', async () => {
    let availableBytes = 16e9;
    const agent = await start({
      models: { m: {}, slow: { load_ms: 1500 }, seeing: { vision: true } },
      config: { models: [{ id: 'm' }, { id: 'slow', preload: true }, { id: 'seeing' }] },
      overrides: { readMemory: async () => memoryReading({ availableBytes }) },
    });
    await eventually(() => agent.services.pool.peek('slow')?.status().state === 'loading', 'it loads');
    availableBytes = 1.35e9;
    const { code, events } = await openGate(agent);
    expect([code, events.at(-1)]).toMatchObject([
      0,
      { event: 'left-out', model: 'seeing', message: /'seeing' cannot be loaded: it needs about/ },
    ]);
    expect(agent.services.pool.peek('slow')?.isReady).toBe(true);
  });

  describe('where a model that nobody listed cannot be loaded', () => {
    const broken = { load_error: 'bad weights' };

    test('the listed one is asked, and that one is left alone', async () => {
      const agent = await start({
        models: { broken, m: {} },
        config: { models: [{ id: 'm', preload: true }] },
      });
      expect(await openGate(agent)).toMatchObject({
        code: 0,
        events: [{ event: 'ready' }, { event: 'completion', model: 'm' }],
      });
      expect(agent.services.pool.peek('broken')).toBeNull();
    });

    test('the next one is asked where none is listed, and it is told', async () => {
      const agent = await start({ models: { broken, m: {}, z: {} } });
      const leftOut = { event: 'left-out', model: 'broken', message: /could not be loaded/ };
      expect(await openGate(agent)).toMatchObject({
        code: 0,
        events: [{ event: 'ready' }, leftOut, { event: 'completion', model: 'm' }],
      });
      await agent.dispose();
      const other = await start({ models: { broken } });
      expect(await openGate(other)).toMatchObject({ code: 0, events: [{ event: 'ready' }, leftOut] });
    });
  });

  test.each<[string, Record<string, unknown>, string[], object]>([
    [
      'a model that was named and cannot be loaded',
      { m: { load_error: 'bad weights' } },
      ['--model', 'm'],
      { code: 'COMPLETION_FAILED', message: /m does not answer: .*bad weights/ },
    ],
    [
      'a model that is missing',
      {},
      ['--model', 'm'],
      { code: 'COMPLETION_FAILED', message: /not on this host/ },
    ],
    [
      'another release',
      {},
      ['--release', '20261123T040000Z-00000000', '--timeout', '0.4'],
      { code: 'GATE_TIMEOUT', message: /is of release 20261123T040000Z-3f9ac2e1/ },
    ],
  ])('stays shut: %s', async (_, models, args, failure) => {
    const agent = await start({ models });
    const { code, events } = await control('gate', '--root', agent.root, '--release', RELEASE, ...args);
    expect([code, events.at(-1)]).toMatchObject([1, { event: 'failed', ...failure }]);
  });

  test('stays shut at once when the process has ended, and in time when there is none', async () => {
    const root = makeRoot({ m: {} });
    const gate = async (timeout: string) =>
      await control('gate', '--root', root, '--release', RELEASE, '--timeout', timeout);
    expect(await gate('0.3')).toMatchObject({
      code: 1,
      events: [{ code: 'GATE_TIMEOUT', message: /no agent answers/ }],
    });
    const process = execFile('/bin/true');
    await once(process, 'exit');
    mkdirSync(path.join(root, 'run'));
    writeFileSync(path.join(root, 'run', 'agent.pid'), `${String(process.pid)}\n`);
    const began = performance.now();
    expect(await gate('60')).toMatchObject({ code: 1, events: [{ code: 'AGENT_ENDED' }] });
    expect(performance.now() - began).toBeLessThan(5000);
    rmSync(root, { recursive: true });
  });
});
