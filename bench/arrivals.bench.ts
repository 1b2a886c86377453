/**
 * Requests that arrive by chance, as those of independent people do (a Poisson process), at half and at nine tenths of
 * what our own agent can do at most on this machine: the same arrivals for each server.
 *
 * Arguments: names of peers; none means all.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { runLoad } from './lib/load-client.ts';
import type { BenchServer } from './lib/peer-server.ts';
import { seededRandom } from './lib/random.ts';
import { publish } from './lib/report.ts';
import { quantile } from './lib/statistics.ts';
import { type StreamSample, streamChat } from './lib/stream-client.ts';
import { withServers } from './lib/with-servers.ts';

const MODEL = 'plain-text';
const TOKENS = 64;
const REQUESTS = 600;
const LOADS = [0.5, 0.9];
/** The other servers refuse nobody, so that ours must not either. */
const QUEUE_DEPTH = REQUESTS;

interface Row {
  readonly load: number;
  readonly server: string;
  readonly requestsPerSecond: number;
  readonly firstTokenMsP50: number;
  readonly firstTokenMsP99: number;
  readonly totalMsP99: number;
  readonly failed: number;
}

/** Requests a second that a server gives with clients that never pause, and whose answers end at different times. */
async function capacity(server: BenchServer): Promise<number> {
  const load = async (requestsPerClient: number) =>
    await runLoad({
      port: server.port,
      model: server.model,
      clients: 32,
      requestsPerClient,
      maxTokens: (client, request) => TOKENS * (0.5 + ((client + request) % 3) / 2),
      prompt: (client, request) => `capacity ${String(client)} ${String(request)}: tell me something`,
    });
  await load(1);
  const { samples, wallMs } = await load(6);
  return samples.length / (wallMs / 1000);
}

async function arrive(server: BenchServer, perSecond: number): Promise<StreamSample[]> {
  const random = seededRandom(42);
  const running: Array<Promise<StreamSample>> = [];
  const start = performance.now();
  let at = 0;
  for (let request = 0; request < REQUESTS; request += 1) {
    at += (-Math.log(1 - random()) / perSecond) * 1000;
    const wait = at - (performance.now() - start);
    if (wait > 0) await sleep(wait);
    running.push(
      streamChat({
        port: server.port,
        model: server.model,
        messages: [{ role: 'user', content: `arrival ${String(request)} ${String(perSecond)}: say it` }],
        maxTokens: TOKENS,
      }),
    );
  }
  return await Promise.all(running);
}

const rows: Row[] = [];
const measure = async (servers: readonly BenchServer[]): Promise<void> => {
  const [ours] = servers;
  if (ours === undefined) return;
  const most = await capacity(ours);
  for (const load of LOADS) {
    for (const server of servers) {
      const samples = await arrive(server, most * load);
      const served = samples.filter((sample) => sample.error === null);
      const first = served.map((sample) => sample.firstTokenMs ?? sample.totalMs);
      rows.push({
        load,
        server: server.name,
        requestsPerSecond: most * load,
        firstTokenMsP50: quantile(first, 0.5),
        firstTokenMsP99: quantile(first, 0.99),
        totalMsP99: quantile(
          served.map((sample) => sample.totalMs),
          0.99,
        ),
        failed: samples.length - served.length,
      });
    }
  }
};
await withServers(MODEL, process.argv.slice(2), measure, { queue_depth: QUEUE_DEPTH });
await publish('arrivals', { model: MODEL, tokens: TOKENS, requests: REQUESTS, rows }, [
  {
    title: '',
    heading: ['load', 'server', 'requests/s', 'TTFT ms p50', 'p99', 'whole answer p99', 'failed'],
    rows: rows.map((row) => [
      `${String(row.load * 100)} %`,
      row.server,
      row.requestsPerSecond.toFixed(1),
      row.firstTokenMsP50.toFixed(1),
      row.firstTokenMsP99.toFixed(1),
      row.totalMsP99.toFixed(1),
      String(row.failed),
    ]),
  },
]);
