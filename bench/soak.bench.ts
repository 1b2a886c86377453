/**
 * Ten thousand requests, one tenth of them cut off by their clients, and what agent and worker hold in memory on the
 * way. The memory after the first thousand is the reference: caches and code are warm then.
 */
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { startOurs } from './lib/our-server.ts';
import type { BenchServer } from './lib/peer-server.ts';
import { publish } from './lib/report.ts';
import { streamChat } from './lib/stream-client.ts';

const MODEL = 'plain-text';
const REQUESTS = 10_000;
const CLIENTS = 16;
const WARM = 1000;
const READ_EVERY = 1000;
/** Prefixes of some hundred requests: full long before the reference is read. Otherwise growth is that cache's alone. */
const PREFIX_CACHE_BYTES = 32 << 20;

interface Reading {
  readonly requests: number;
  /** Resident bytes. */
  readonly agentBytes: number;
  readonly workerBytes: number;
  /** Both. */
  readonly bytes: number;
}

async function readMemory(server: BenchServer, requests: number): Promise<Reading> {
  const [agent, ...workers] = await server.pids();
  const agentBytes = await residentBytes(agent);
  let workerBytes = 0;
  for (const worker of workers) workerBytes += await residentBytes(worker);
  return { requests, agentBytes, workerBytes, bytes: agentBytes + workerBytes };
}

async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}

/** A client that goes away after the first bytes of its answer. */
async function cutOff(server: BenchServer, text: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const body = JSON.stringify({
    model: server.model,
    messages: [{ role: 'user', content: text }],
    max_tokens: 500,
    stream: true,
  });
  const request = http.request(
    {
      host: '127.0.0.1',
      port: server.port,
      path: '/v1/chat/completions',
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json' },
    },
    (response) => {
      response.once('data', () => request.destroy());
      response.on('error', () => {});
    },
  );
  request.on('error', () => {});
  request.on('close', resolve);
  request.end(body);
  await promise;
}

const server = await startOurs(MODEL, {
  models: [{ id: MODEL, prefix_cache: { memory_bytes: PREFIX_CACHE_BYTES, disk_bytes: 0 } }],
});
const readings: Reading[] = [];
let sent = 0;
let failed = 0;
try {
  const client = async (): Promise<void> => {
    while (sent < REQUESTS) {
      sent += 1;
      const number = sent;
      const text = `request ${String(number)} ${'and more '.repeat(number % 40)}`;
      if (number % 10 === 0) {
        await cutOff(server, text);
      } else {
        const sample = await streamChat({
          port: server.port,
          model: server.model,
          messages: [{ role: 'user', content: text }],
          maxTokens: 4 + (number % 24),
        });
        if (sample.error !== null) failed += 1;
      }
      if (number % READ_EVERY === 0) readings.push(await readMemory(server, number));
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
} finally {
  await server.stop();
}
const reference = readings.find((reading) => reading.requests === WARM)?.bytes ?? Number.NaN;
const growth = (readings.at(-1)?.bytes ?? Number.NaN) / reference - 1;
console.log(`failed: ${String(failed)}`);
await publish('soak', { model: MODEL, requests: REQUESTS, clients: CLIENTS, failed, growth, readings }, [
  {
    title: '',
    heading: ['requests', 'agent, MB', 'worker, MB', 'both, MB', 'against 1,000 requests'],
    rows: readings.map(({ requests, agentBytes, workerBytes, bytes }) => [
      String(requests),
      (agentBytes / 1e6).toFixed(1),
      (workerBytes / 1e6).toFixed(1),
      (bytes / 1e6).toFixed(1),
      `${((bytes / reference - 1) * 100).toFixed(1)} %`,
    ]),
  },
]);
