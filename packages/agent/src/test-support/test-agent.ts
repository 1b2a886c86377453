import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { agentConfigSchema } from '@mlxfleet/protocol';
import pino from 'pino';
import { afterEach } from 'vitest';
import { type Agent, startAgent } from '../agent.ts';
import type { AgentOptions } from '../lifecycle/agent-options.ts';
import { WORKER_TIMES } from '../workers/worker-times.ts';
import { safetensors } from './safetensors.ts';

const FAKE_WORKER = path.resolve(import.meta.dirname, '../../../../test/fakes/fake-worker.mjs');

/** Fake workers in both environments. */
export const FAKE_WORKERS = { python: FAKE_WORKER, visionPython: FAKE_WORKER, source: '/nowhere' } as const;

/** The product's times, made short. */
const TEST_TIMES = { ...WORKER_TIMES, grace: 500, firstBackoff: 100 };

export interface TestAgentOptions {
  /** Model name to what its fake worker does, see test/fakes/fake-worker.mjs. */
  readonly models?: Readonly<Record<string, unknown>>;
  /** Further fields of shared/config.yaml. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly overrides?: Partial<AgentOptions>;
}

/** An agent in this process, with fake workers and a root folder of its own. */
export interface TestAgent extends Agent {
  readonly root: string;
  readonly url: string;
  readonly adminUrl: string;
  readonly socketPath: string;
  post(route: string, body: unknown, init?: PostOptions): Promise<Response>;
  /** Stops it and removes its root. */
  dispose(): Promise<void>;
}

interface PostOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** By default with one model, `m`. */
export async function startTestAgent(options: TestAgentOptions = {}): Promise<TestAgent> {
  const root = makeRoot(options.models ?? { m: {} });
  const agent = await startAgent({
    root,
    config: agentConfigSchema.parse({
      version: 1,
      api: { port: 0 },
      admin: { port: 0 },
      drain_seconds: 1,
      env: { HF_HUB_OFFLINE: '1' },
      ...options.config,
    }),
    worker: FAKE_WORKERS,
    release: null,
    log: pino({ level: 'silent' }),
    workerTimes: TEST_TIMES,
    ...options.overrides,
  });
  const url = `http://127.0.0.1:${String(agent.services.ports.main)}`;
  let stopped: Promise<void> | null = null;
  const stop = async (): Promise<void> => {
    stopped ??= agent.stop();
    await stopped;
  };
  return {
    ...agent,
    stop,
    root,
    url,
    adminUrl: `http://127.0.0.1:${String(agent.services.ports.admin)}`,
    socketPath: path.join(root, 'run', 'admin.sock'),
    post: async (route, body, init = {}) =>
      await fetch(url + route, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...init,
        headers: { 'content-type': 'application/json', ...init.headers },
      }),
    dispose: async () => {
      await stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** A root folder with models that fake workers serve. */
export function makeRoot(models: Readonly<Record<string, unknown>>): string {
  const root = mkdtempSync(path.join(tmpdir(), 'agent-'));
  for (const [name, fake] of Object.entries(models)) addModel(root, name, fake);
  return root;
}

/** `weights` gives it a file of so many bytes, `vision: true` makes it a model that is shown images. */
function addModel(root: string, name: string, fake: unknown): void {
  const folder = path.join(root, 'shared', 'models', name);
  mkdirSync(folder, { recursive: true });
  const isVision = typeof fake === 'object' && fake !== null && 'vision' in fake && fake.vision === true;
  const config = isVision ? { fake, vision_config: {} } : { fake };
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config));
  if (isVision) {
    writeFileSync(path.join(folder, 'model.safetensors'), safetensors(['vision_tower.weight']));
  }
  if (typeof fake === 'object' && fake !== null && 'weights' in fake) {
    writeFileSync(path.join(folder, 'model.safetensors'), Buffer.alloc(Number(fake.weights)));
  }
}

/** A function that starts agents for the tests of one file; each is disposed of after its test. */
export function agentsForTests(): (options?: TestAgentOptions) => Promise<TestAgent> {
  const agents: TestAgent[] = [];
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.dispose();
  });
  return async (options) => {
    const agent = await startTestAgent(options);
    agents.push(agent);
    return agent;
  };
}

/** A chat request for the fake worker; the prompt says what it does. */
export function chat(prompt: string, more: Readonly<Record<string, unknown>> = {}): object {
  return { model: 'm', messages: [{ role: 'user', content: prompt }], ...more };
}

/** Polls until the condition holds. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 5000;
  while (performance.now() < deadline) {
    if (await condition()) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
  throw new Error(`not in time: ${what}`);
}
