/**
 * What the agent adds to a request over the worker's own time: HTTP, validation, the queue, events for each token, a
 * connection for each request. Each request goes once straight into the pipe of a worker and once to an agent over
 * HTTP, in turn, one at a time; the difference of the two is what is added.
 */
import { testModel } from '../test/support/test-model.ts';
import { startOurs } from './lib/our-server.ts';
import { publish } from './lib/report.ts';
import { quantile } from './lib/statistics.ts';
import { streamChat } from './lib/stream-client.ts';
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

interface Row extends Shape {
  /** Quantiles of both, and of the differences of their pairs. */
  readonly pipeMsP50: number;
  readonly pipeMsP99: number;
  readonly httpMsP50: number;
  readonly httpMsP99: number;
  readonly addedMsP50: number;
  readonly addedMsP99: number;
}

async function measure(pipe: WorkerPipe, port: number, shape: Shape): Promise<Row> {
  const direct: number[] = [];
  const served: number[] = [];
  for (let request = -WARM_REQUESTS; request < REQUESTS; request += 1) {
    const text = `request ${String(request)} `.padEnd(shape.promptCharacters, 'and so on, ');
    const pipeMs = await pipe.generate(text, shape.maxTokens);
    const sample = await streamChat({
      port,
      model: MODEL,
      messages: [{ role: 'user', content: text }],
      maxTokens: shape.maxTokens,
    });
    if (sample.error !== null) throw new Error(`a request failed: ${sample.error}`);
    if (request < 0) continue;
    direct.push(pipeMs);
    served.push(sample.totalMs);
  }
  const added = served.map((total, index) => total - (direct[index] ?? Number.NaN));
  return {
    ...shape,
    pipeMsP50: quantile(direct, 0.5),
    pipeMsP99: quantile(direct, 0.99),
    httpMsP50: quantile(served, 0.5),
    httpMsP99: quantile(served, 0.99),
    addedMsP50: quantile(added, 0.5),
    addedMsP99: quantile(added, 0.99),
  };
}

const pipe = await startWorkerPipe(await testModel(MODEL));
const server = await startOurs(MODEL, {
  models: [{ id: MODEL, prefix_cache: { memory_bytes: 0, disk_bytes: 0 } }],
});
const rows: Row[] = [];
try {
  for (const shape of SHAPES) rows.push(await measure(pipe, server.port, shape));
} finally {
  await server.stop();
  await pipe.stop();
}
await publish('overhead', { model: MODEL, requests: REQUESTS, rows }, [
  {
    title: '',
    heading: ['request', 'worker alone, ms p50', 'p99', 'through the agent, p50', 'p99', 'added, p50', 'p99'],
    rows: rows.map((row) => [
      row.name,
      row.pipeMsP50.toFixed(2),
      row.pipeMsP99.toFixed(2),
      row.httpMsP50.toFixed(2),
      row.httpMsP99.toFixed(2),
      row.addedMsP50.toFixed(2),
      row.addedMsP99.toFixed(2),
    ]),
  },
]);
