import { runLoad } from '../load-client.ts';
import { imagePart, type MessageContent, textPart } from '../message-content.ts';
import type { BenchServer } from '../peer-server.ts';
import type { ResultTable } from '../report.ts';
import { median, quantile } from '../statistics.ts';
import { newPictures } from './pictures.ts';

/** Completion tokens of each answer: what a description of a picture has. */
const ANSWER_TOKENS = 128;

interface LoadOptions {
  readonly clients: readonly number[];
  /** Requests that each client sends, one after the other. */
  readonly requestsPerClient: (clients: number) => number;
  readonly rounds: number;
}

interface Row {
  readonly clients: number;
  readonly server: string;
  readonly imagesPerSecond: number;
  readonly tokensPerSecond: number;
  readonly firstTokenMsP50: number;
  readonly firstTokenMsP95: number;
}

/** Gathers the rounds of one server for one number of clients. */
class Rounds {
  readonly #imagesPerSecond: number[] = [];
  readonly #tokensPerSecond: number[] = [];
  readonly #firstTokens: number[] = [];
  readonly #server: BenchServer;

  constructor(server: BenchServer) {
    this.#server = server;
  }

  /** Every client asks about its own pictures, one a request. */
  async run(contents: ReadonlyArray<readonly MessageContent[]>, counts: boolean): Promise<void> {
    const { port, model, name } = this.#server;
    const { samples, wallMs } = await runLoad({
      port,
      model,
      clients: contents.length,
      requestsPerClient: contents[0]?.length ?? 0,
      maxTokens: () => ANSWER_TOKENS,
      prompt: (client, request) => contents[client]?.[request] ?? '',
    });
    const failed = samples.find(({ error, firstTokenMs }) => error !== null || firstTokenMs === null);
    if (failed !== undefined) throw new Error(`a request to ${name} failed: ${failed.error ?? 'no content'}`);
    if (!counts) return;
    const tokens = samples.reduce((sum, sample) => sum + sample.tokens, 0);
    this.#imagesPerSecond.push(samples.length / (wallMs / 1000));
    this.#tokensPerSecond.push(tokens / (wallMs / 1000));
    this.#firstTokens.push(...samples.flatMap(({ firstTokenMs }) => firstTokenMs ?? []));
  }

  row(clients: number): Row {
    return {
      clients,
      server: this.#server.name,
      imagesPerSecond: median(this.#imagesPerSecond),
      tokensPerSecond: median(this.#tokensPerSecond),
      firstTokenMsP50: quantile(this.#firstTokens, 0.5),
      firstTokenMsP95: quantile(this.#firstTokens, 0.95),
    };
  }
}

/** Clients that each ask about pictures of their own, one after the other; a round to warm up, then servers in turn. */
export async function measureLoad(servers: readonly BenchServer[], options: LoadOptions): Promise<Row[]> {
  const rows: Row[] = [];
  for (const clients of options.clients) {
    const measured = servers.map((server) => new Rounds(server));
    for (let round = -1; round < options.rounds; round += 1) {
      const contents = Array.from({ length: clients }, () =>
        newPictures(options.requestsPerClient(clients)).map((picture) => [
          imagePart(picture),
          textPart('What do you see?'),
        ]),
      );
      for (const rounds of measured) await rounds.run(contents, round >= 0);
    }
    rows.push(...measured.map((rounds) => rounds.row(clients)));
  }
  return rows;
}

export function loadTable(rows: readonly Row[], rounds: number): ResultTable {
  return {
    title: `one new image a request, ${String(ANSWER_TOKENS)} new tokens, medians of ${String(rounds)} rounds`,
    heading: ['clients', 'server', 'images/s', 'mlxfleet is', 'tok/s', 'TTFT ms p50', 'p95'],
    rows: rows.map((row) => {
      const ours = rows.find(({ clients, server }) => clients === row.clients && server === 'mlxfleet');
      const ratio = (ours?.imagesPerSecond ?? Number.NaN) / row.imagesPerSecond;
      return [
        String(row.clients),
        row.server,
        row.imagesPerSecond.toFixed(2),
        row.server === 'mlxfleet' ? '' : `${ratio.toFixed(2)}x`,
        row.tokensPerSecond.toFixed(0),
        row.firstTokenMsP50.toFixed(0),
        row.firstTokenMsP95.toFixed(0),
      ];
    }),
  };
}
