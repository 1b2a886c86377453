/**
 * What a long prompt does to streams that already run: the time between the pieces of four streams, alone and while a
 * prompt of almost 8,000 tokens is prefilled beside them.
 *
 * Arguments: names of peers; none means all.
 */
import type { BenchServer } from './lib/peer-server.ts';
import { publish } from './lib/report.ts';
import { requireAnswered } from './lib/require-answered.ts';
import { quantile } from './lib/statistics.ts';
import { type StreamSample, streamChat } from './lib/stream-client.ts';
import { streamGaps } from './lib/stream-gaps.ts';
import { withServers } from './lib/with-servers.ts';

const MODEL = 'plain-text';
const ROUNDS = 3;
const STREAMS = 4;
/** So many that the streams outlast the prompt. */
const STREAM_TOKENS = 1500;
/** The test model's context is 8,192 tokens, and a character is a token of its vocabulary. */
const PROMPT_CHARACTERS = 7900;

interface Row {
  readonly server: string;
  readonly aloneP95: number;
  readonly besideP95: number;
  readonly ratio: number;
  /** Median over rounds of the longest silence of any stream. */
  readonly besideLongest: number;
  readonly longFirstTokenMs: number;
}

function streams(server: BenchServer, round: number): Array<Promise<StreamSample>> {
  return Array.from({ length: STREAMS }, (_, stream) =>
    streamChat({
      port: server.port,
      model: server.model,
      messages: [{ role: 'user', content: `round ${String(round)} stream ${String(stream)}` }],
      maxTokens: STREAM_TOKENS,
      recordChunks: true,
    }),
  );
}

async function measure(server: BenchServer): Promise<Row> {
  const alone: number[] = [];
  const beside: number[] = [];
  const longest: number[] = [];
  const firstTokens: number[] = [];
  for (let round = -1; round < ROUNDS; round += 1) {
    const quiet = await Promise.all(streams(server, round));
    const running = streams(server, round + 100);
    const start = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const from = performance.now() - start;
    const long = await streamChat({
      port: server.port,
      model: server.model,
      messages: [{ role: 'user', content: `${String(round)} ${'long '.repeat(PROMPT_CHARACTERS / 5)}` }],
      maxTokens: 1,
    });
    const until = performance.now() - start;
    const disturbed = await Promise.all(running);
    requireAnswered(server, [...quiet, long, ...disturbed]);
    if (disturbed.some(({ totalMs }) => totalMs < until)) {
      throw new Error(
        `a stream of ${server.name} ended before the long prompt was done: raise STREAM_TOKENS`,
      );
    }
    if (round < 0) continue;
    alone.push(...quiet.flatMap((sample) => streamGaps(sample)));
    const silences = disturbed.flatMap((sample) => streamGaps(sample, from, until));
    beside.push(...silences);
    longest.push(Math.max(...silences));
    firstTokens.push(long.totalMs);
  }
  const aloneP95 = quantile(alone, 0.95);
  const besideP95 = quantile(beside, 0.95);
  return {
    server: server.name,
    aloneP95,
    besideP95,
    ratio: besideP95 / aloneP95,
    besideLongest: quantile(longest, 0.5),
    longFirstTokenMs: quantile(firstTokens, 0.5),
  };
}

const rows: Row[] = [];
await withServers(MODEL, process.argv.slice(2), async (servers) => {
  for (const server of servers) rows.push(await measure(server));
});
await publish('interference', { model: MODEL, rounds: ROUNDS, streams: STREAMS, rows }, [
  {
    title: '',
    heading: [
      'server',
      'gap p95 alone, ms',
      'beside a long prompt',
      'ratio',
      'longest gap',
      'the long prompt took, ms',
    ],
    rows: rows.map((row) => [
      row.server,
      row.aloneP95.toFixed(1),
      row.besideP95.toFixed(1),
      row.ratio.toFixed(1),
      row.besideLongest.toFixed(0),
      row.longFirstTokenMs.toFixed(0),
    ]),
  },
]);
