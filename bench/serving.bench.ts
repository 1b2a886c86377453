/**
 * The agent against mlx_lm.server: the same model, environment and client, one after the other in one run, several
 * rounds in turn. Tokens/s counts completion tokens of all clients over the wall time of the round.
 */
import { startAgent } from '../test/support/agent-process.ts';
import { testModel } from '../test/support/test-model.ts';
import { runLoad } from './lib/load-client.ts';
import { startReferenceServer } from './lib/reference-server.ts';
import { formatTable, writeResult } from './lib/report.ts';
import { median, quantile } from './lib/statistics.ts';

const MODEL = 'tiny-text';
const CLIENTS = [1, 8, 32];
const ROUNDS = 5;
const REQUESTS_PER_CLIENT = 3;
/** Unequal, so that after the first requests clients come and go at different times, as people do. */
const MAX_TOKENS = [256, 160, 208, 112];

interface Figures {
  readonly clients: number;
  readonly tokensPerSecond: number;
  readonly firstTokenMsP50: number;
  readonly firstTokenMsP99: number;
  readonly failed: number;
}

interface Server {
  readonly name: string;
  readonly port: number;
  readonly model: string;
}

class Collector {
  readonly tokensPerSecond: number[] = [];
  readonly firstTokens: number[] = [];
  failed = 0;

  figures(clients: number): Figures {
    return {
      clients,
      tokensPerSecond: Math.round(median(this.tokensPerSecond)),
      firstTokenMsP50: Number(quantile(this.firstTokens, 0.5).toFixed(1)),
      firstTokenMsP99: Number(quantile(this.firstTokens, 0.99).toFixed(1)),
      failed: this.failed,
    };
  }
}

async function measureRound(server: Server, clients: number, round: number, into?: Collector): Promise<void> {
  const { samples, wallMs } = await runLoad({
    port: server.port,
    model: server.model,
    clients,
    requestsPerClient: REQUESTS_PER_CLIENT,
    maxTokens: (client, request) => MAX_TOKENS[(client + request) % MAX_TOKENS.length] ?? 256,
    prompt: (client, request) =>
      `round ${String(round)} client ${String(client)} request ${String(request)}: tell me something`,
  });
  if (into === undefined) return;
  into.tokensPerSecond.push(samples.reduce((sum, sample) => sum + sample.tokens, 0) / (wallMs / 1000));
  for (const sample of samples) {
    if (sample.error !== null) into.failed += 1;
    else if (sample.firstTokenMs !== null) into.firstTokens.push(sample.firstTokenMs);
  }
}

const folder = await testModel(MODEL);
const agent = await startAgent({ models: [MODEL] });
const reference = await startReferenceServer(folder);
const servers: Server[] = [
  { name: 'mlxfleet', port: Number(new URL(agent.url).port), model: MODEL },
  { name: 'mlx_lm.server', port: reference.port, model: folder },
];
const results = new Map<string, Figures[]>(servers.map((server) => [server.name, []]));
try {
  for (const clients of CLIENTS) {
    const collectors = servers.map((server) => ({ server, collector: new Collector() }));
    for (const { server } of collectors) await measureRound(server, clients, -1);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const { server, collector } of collectors) await measureRound(server, clients, round, collector);
    }
    for (const { server, collector } of collectors)
      results.get(server.name)?.push(collector.figures(clients));
  }
} finally {
  await reference.stop();
  await agent.stop();
}

const ours = results.get('mlxfleet') ?? [];
const theirs = results.get('mlx_lm.server') ?? [];
const rows = ours.flatMap((figures, index) => {
  const other = theirs[index];
  if (other === undefined) return [];
  return [
    [
      String(figures.clients),
      String(figures.tokensPerSecond),
      String(other.tokensPerSecond),
      (figures.tokensPerSecond / other.tokensPerSecond).toFixed(2),
      `${String(figures.firstTokenMsP50)} / ${String(figures.firstTokenMsP99)}`,
      `${String(other.firstTokenMsP50)} / ${String(other.firstTokenMsP99)}`,
      (figures.firstTokenMsP50 / other.firstTokenMsP50).toFixed(3),
      `${String(figures.failed)} / ${String(other.failed)}`,
    ],
  ];
});
console.log(
  `Serving ${MODEL}, ${MAX_TOKENS.join(', ')} new tokens, ${String(REQUESTS_PER_CLIENT)} requests a client one after the other, medians of ${String(ROUNDS)} rounds`,
);
console.log(
  formatTable(
    [
      'clients',
      'mlxfleet tok/s',
      'mlx_lm.server tok/s',
      'ratio',
      'TTFT ms p50 / p99',
      'theirs p50 / p99',
      'ratio p50',
      'failed',
    ],
    rows,
  ),
);
await writeResult('serving', {
  model: MODEL,
  maxTokens: MAX_TOKENS,
  requestsPerClient: REQUESTS_PER_CLIENT,
  rounds: ROUNDS,
  mlxfleet: ours,
  mlxLmServer: theirs,
});
