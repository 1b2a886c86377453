import { Collector, type Figures } from './collector.ts';
import { distinctPrompt } from './distinct-prompt.ts';
import { type LoadResult, runLoad } from './load-client.ts';
import type { BenchServer } from './peer-server.ts';
import type { RawLoop, RawRound } from './raw-loop.ts';
import type { ResultTable } from './report.ts';

/** How the clients of one round behave. */
interface Scenario {
  readonly name: string;
  /** Begins the prompts. */
  readonly key: string;
  readonly requestsPerClient: (clients: number) => number;
  /** Completion tokens asked for, in turn over clients and requests. */
  readonly maxTokens: readonly number[];
}

const ALL_AT_ONCE: Scenario = {
  key: 'at once',
  name: 'all at once: one request a client, 256 new tokens; a single client sends four, one after the other',
  requestsPerClient: (clients) => (clients === 1 ? 4 : 1),
  maxTokens: [256],
};

const SCENARIOS: readonly Scenario[] = [
  ALL_AT_ONCE,
  // Unequal, so that after the first requests clients come and go at different times, as people do.
  {
    key: 'coming and going',
    name: 'coming and going: three requests a client one after the other, 112 to 256 new tokens',
    requestsPerClient: () => 3,
    maxTokens: [256, 160, 208, 112],
  },
];

interface ServingRow {
  readonly clients: number;
  readonly server: string;
  readonly figures: Figures;
}

const prompt = ({ key }: Scenario, clients: number, round: number, client: number, request: number): string =>
  distinctPrompt([clients, client, request, round], `${key}: tell me something`);

async function runRound(
  server: BenchServer,
  scenario: Scenario,
  clients: number,
  round: number,
): Promise<LoadResult> {
  const { maxTokens, requestsPerClient } = scenario;
  return await runLoad({
    port: server.port,
    model: server.model,
    clients,
    requestsPerClient: requestsPerClient(clients),
    maxTokens: (client, request) => maxTokens[(client + request) % maxTokens.length] ?? 256,
    prompt: (client, request) => prompt(scenario, clients, round, client, request),
  });
}

async function runRawRound(raw: RawLoop, clients: number, round: number): Promise<RawRound> {
  const prompts = Array.from({ length: clients }, (_, client) =>
    prompt(ALL_AT_ONCE, clients, round, client, 0),
  );
  return await raw.run(
    prompts,
    prompts.map(() => ALL_AT_ONCE.maxTokens[0] ?? 256),
  );
}

/** One round each to warm up, then the servers in turn, and the raw loop among them where it fits the scenario. */
async function measure(
  servers: readonly BenchServer[],
  raw: RawLoop | null,
  scenario: Scenario,
  clients: number,
  rounds: number,
): Promise<ServingRow[]> {
  const measured = servers.map((server) => ({ server, collector: new Collector() }));
  const bare = new Collector();
  for (let round = -1; round < rounds; round += 1) {
    for (const { server, collector } of measured) {
      const result = await runRound(server, scenario, clients, round);
      if (round >= 0) collector.add(result);
    }
    if (raw === null) continue;
    for (let request = 0; request < scenario.requestsPerClient(clients); request += 1) {
      const result = await runRawRound(raw, clients, round);
      if (round >= 0) bare.addRaw(result);
    }
  }
  const rows = measured.map(({ server, collector }) => ({
    clients,
    server: server.name,
    figures: collector.figures(),
  }));
  if (raw !== null) rows.push({ clients, server: 'BatchGenerator alone', figures: bare.figures() });
  return rows;
}

const HEADING = ['clients', 'server', 'tok/s', 'mlxfleet is', 'TTFT ms p50', 'p99', 'failed'];

function cells({ clients, server, figures }: ServingRow, rows: readonly ServingRow[]): string[] {
  const ours = rows.find((row) => row.clients === clients && row.server === 'mlxfleet');
  const ratio = (ours?.figures.tokensPerSecond ?? Number.NaN) / figures.tokensPerSecond;
  return [
    String(clients),
    server,
    String(figures.tokensPerSecond),
    server === 'mlxfleet' ? '' : `${ratio.toFixed(2)}x`,
    figures.firstTokenMsP50.toFixed(1),
    figures.firstTokenMsP99.toFixed(1),
    String(figures.failed),
  ];
}

/** What was measured, as it is written to a result. */
export interface ServingResult {
  readonly name: string;
  readonly rows: readonly ServingRow[];
}

/** Runs the scenarios for each number of clients. */
export async function measureServing(
  servers: readonly BenchServer[],
  raw: RawLoop,
  clients: readonly number[],
  rounds: number,
): Promise<ServingResult[]> {
  const results: ServingResult[] = [];
  for (const scenario of SCENARIOS) {
    const rows: ServingRow[] = [];
    for (const number of clients) {
      rows.push(...(await measure(servers, scenario === ALL_AT_ONCE ? raw : null, scenario, number, rounds)));
    }
    results.push({ name: scenario.name, rows });
  }
  return results;
}

/** The results as tables. */
export function servingTables(results: readonly ServingResult[], rounds: number): ResultTable[] {
  return results.map(({ name, rows }) => ({
    title: `${name}, medians of ${String(rounds)} rounds`,
    heading: HEADING,
    rows: rows.map((row) => cells(row, rows)),
  }));
}
