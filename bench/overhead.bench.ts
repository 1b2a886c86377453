/**
 * What the agent adds to a request over the worker's own time: HTTP, validation, the queue, events for each token, a
 * connection for each request, one at a time. Told in two ways:
 *
 * - Within each request: the client's whole time less what the worker says of its prefill and decoding. That holds the
 *   client, and what the worker does besides (template, tokenizer, frames), too.
 * - In pairs: each request also goes straight into the pipe of a worker without an agent, in turn, and a second time: how
 *   far the worker differs from itself is what the machine puts into such differences.
 */
import { testModel } from '../test/support/test-model.ts';
import { startOurs } from './lib/our-server.ts';
import type { BenchServer } from './lib/peer-server.ts';
import { publish } from './lib/report.ts';
import { requireAnswered } from './lib/require-answered.ts';
import { quantile } from './lib/statistics.ts';
import { type StreamSample, streamChat } from './lib/stream-client.ts';
import { startWorkerPipe, type WorkerPipe } from './lib/worker-pipe.ts';

const MODEL = 'plain-text';
const WARM_REQUESTS = 50;
const REQUESTS = 400;

interface Shape {
  readonly name: string;
  readonly promptCharacters: number;
  readonly maxTokens: number;
}

const SHAPES: readonly Shape[] = [
  { name: '1 token', promptCharacters: 30, maxTokens: 1 },
  { name: '32 tokens', promptCharacters: 30, maxTokens: 32 },
  { name: '32 tokens after 500 characters', promptCharacters: 500, maxTokens: 32 },
];

/** Milliseconds. */
interface Quantiles {
  readonly p50: number;
  readonly p99: number;
}

interface Within {
  /** Whole requests through the agent, as the client sees them. */
  readonly served: Quantiles;
  /** What the worker says of its own share of each. */
  readonly worker: Quantiles;
  /** The rest of each. */
  readonly added: Quantiles;
}

interface Pairs {
  /** Whole requests straight into a pipe. */
  readonly direct: Quantiles;
  /** What the same requests take longer through the agent. */
  readonly added: Quantiles;
  /** What they take longer straight into the pipe once more. */
  readonly noise: Quantiles;
}

function quantilesOf(samples: readonly number[]): Quantiles {
  return { p50: quantile(samples, 0.5), p99: quantile(samples, 0.99) };
}

function differences(samples: readonly number[], others: readonly number[]): number[] {
  return samples.map((sample, index) => sample - (others[index] ?? Number.NaN));
}

function textOf(shape: Shape, request: number): string {
  return `request ${String(request)} `.padEnd(shape.promptCharacters, 'and so on, ');
}

async function serve(server: BenchServer, shape: Shape, text: string): Promise<StreamSample> {
  const { port, model } = server;
  const messages = [{ role: 'user', content: text }];
  const sample = await streamChat({ port, model, messages, maxTokens: shape.maxTokens });
  requireAnswered(server, [sample]);
  return sample;
}

async function measureWithin(server: BenchServer, shape: Shape): Promise<Within> {
  const served: number[] = [];
  const worker: number[] = [];
  for (let request = -WARM_REQUESTS; request < REQUESTS; request += 1) {
    const sample = await serve(server, shape, textOf(shape, request));
    if (request < 0) continue;
    served.push(sample.totalMs);
    worker.push(sample.workerMs ?? Number.NaN);
  }
  return {
    served: quantilesOf(served),
    worker: quantilesOf(worker),
    added: quantilesOf(differences(served, worker)),
  };
}

async function measurePairs(pipe: WorkerPipe, server: BenchServer, shape: Shape): Promise<Pairs> {
  const direct: number[] = [];
  const served: number[] = [];
  const again: number[] = [];
  for (let request = -WARM_REQUESTS; request < REQUESTS; request += 1) {
    const text = textOf(shape, request);
    const directMs = await pipe.generate(text, shape.maxTokens);
    const { totalMs } = await serve(server, shape, text);
    const againMs = await pipe.generate(text, shape.maxTokens);
    if (request < 0) continue;
    direct.push(directMs);
    served.push(totalMs);
    again.push(againMs);
  }
  return {
    direct: quantilesOf(direct),
    added: quantilesOf(differences(served, direct)),
    noise: quantilesOf(differences(again, direct)),
  };
}

const pipe = await startWorkerPipe(await testModel(MODEL));
const server = await startOurs(MODEL, {
  models: [{ id: MODEL, prefix_cache: { memory_bytes: 0, disk_bytes: 0 } }],
});
const rows: Array<Shape & { readonly within: Within; readonly pairs: Pairs }> = [];
try {
  for (const shape of SHAPES) {
    const within = await measureWithin(server, shape);
    rows.push({ ...shape, within, pairs: await measurePairs(pipe, server, shape) });
  }
} finally {
  await server.stop();
  await pipe.stop();
}
const row = (name: string, ...quantiles: Quantiles[]): string[] => [
  name,
  ...quantiles.flatMap(({ p50, p99 }) => [p50.toFixed(2), p99.toFixed(2)]),
];
await publish('overhead', { model: MODEL, requests: REQUESTS, rows }, [
  {
    title: 'Within each request',
    heading: ['request', 'through the agent, ms p50', 'p99', 'its worker, p50', 'p99', 'added, p50', 'p99'],
    rows: rows.map(({ name, within }) => row(name, within.served, within.worker, within.added)),
  },
  {
    title: 'Against a worker alone',
    heading: [
      'request',
      'worker alone, ms p50',
      'p99',
      'added, p50',
      'p99',
      'worker against itself, p50',
      'p99',
    ],
    rows: rows.map(({ name, pairs }) => row(name, pairs.direct, pairs.added, pairs.noise)),
  },
]);
