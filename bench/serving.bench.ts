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

/** How the clients of one round behave. */
interface Scenario {
  readonly name: string;
  readonly requestsPerClient: number;
  /** Completion tokens asked for, in turn over clients and requests. */
  readonly maxTokens: readonly number[];
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'all at once: one request a client, 256 new tokens', requestsPerClient: 1, maxTokens: [256] },
  // Unequal, so that after the first requests clients come and go at different times, as people do.
  {
    name: 'coming and going: three requests a client one after the other, 112 to 256 new tokens',
    requestsPerClient: 3,
    maxTokens: [256, 160, 208, 112],
  },
];

interface Figures {
  readonly clients: number;
  readonly tokensPerSecond: number;
  readonly firstTokenMsP50: number;
  readonly firstTokenMsP99: number;
  readonly failed: number;
}

interface Server {
  readonly port: number;
  readonly model: string;
}

/** Figures of both servers for one number of clients. */
interface Row {
  readonly mlxfleet: Figures;
  readonly mlxLmServer: Figures;
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

async function runRound(
  server: Server,
  scenario: Scenario,
  clients: number,
  round: number,
  into?: Collector,
): Promise<void> {
  const { maxTokens, requestsPerClient } = scenario;
  const { samples, wallMs } = await runLoad({
    port: server.port,
    model: server.model,
    clients,
    requestsPerClient,
    maxTokens: (client, request) => maxTokens[(client + request) % maxTokens.length] ?? 256,
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

/** One round each to warm up, then the servers in turn. */
async function measure(ours: Server, theirs: Server, scenario: Scenario, clients: number): Promise<Row> {
  const mlxfleet = new Collector();
  const mlxLmServer = new Collector();
  await runRound(ours, scenario, clients, -1);
  await runRound(theirs, scenario, clients, -1);
  for (let round = 0; round < ROUNDS; round += 1) {
    await runRound(ours, scenario, clients, round, mlxfleet);
    await runRound(theirs, scenario, clients, round, mlxLmServer);
  }
  return { mlxfleet: mlxfleet.figures(clients), mlxLmServer: mlxLmServer.figures(clients) };
}

const HEADING = [
  'clients',
  'mlxfleet tok/s',
  'mlx_lm.server tok/s',
  'ratio',
  'TTFT ms p50 / p99',
  'theirs p50 / p99',
  'ratio p50',
  'failed',
];

function cells({ mlxfleet, mlxLmServer }: Row): string[] {
  return [
    String(mlxfleet.clients),
    String(mlxfleet.tokensPerSecond),
    String(mlxLmServer.tokensPerSecond),
    (mlxfleet.tokensPerSecond / mlxLmServer.tokensPerSecond).toFixed(2),
    `${String(mlxfleet.firstTokenMsP50)} / ${String(mlxfleet.firstTokenMsP99)}`,
    `${String(mlxLmServer.firstTokenMsP50)} / ${String(mlxLmServer.firstTokenMsP99)}`,
    (mlxfleet.firstTokenMsP50 / mlxLmServer.firstTokenMsP50).toFixed(3),
    `${String(mlxfleet.failed)} / ${String(mlxLmServer.failed)}`,
  ];
}

const folder = await testModel(MODEL);
const agent = await startAgent({ models: [MODEL] });
const reference = await startReferenceServer(folder);
const ours: Server = { port: Number(new URL(agent.url).port), model: MODEL };
const theirs: Server = { port: reference.port, model: folder };
const results: Array<Scenario & { readonly rows: readonly Row[] }> = [];
try {
  for (const scenario of SCENARIOS) {
    const rows: Row[] = [];
    for (const clients of CLIENTS) rows.push(await measure(ours, theirs, scenario, clients));
    results.push({ ...scenario, rows });
    console.log(`Serving ${MODEL}, ${scenario.name}, medians of ${String(ROUNDS)} rounds`);
    console.log(`${formatTable(HEADING, rows.map(cells))}\n`);
  }
} finally {
  await reference.stop();
  await agent.stop();
}
await writeResult('serving', { model: MODEL, rounds: ROUNDS, scenarios: results });
