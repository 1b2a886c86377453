/**
 * The second turn of a conversation that begins with about 2,000 tokens: how long until its first token, against the
 * first turn.
 *
 * Arguments: names of peers; none means all.
 */
import type { BenchServer } from './lib/peer-server.ts';
import { publish } from './lib/report.ts';
import { requireAnswered } from './lib/require-answered.ts';
import { median } from './lib/statistics.ts';
import { type StreamSample, streamChat } from './lib/stream-client.ts';
import { withServers } from './lib/with-servers.ts';

const MODEL = 'plain-text';
const ROUNDS = 9;
const SYSTEM_CHARACTERS = 2000;
const ANSWER_TOKENS = 16;

interface Row {
  readonly server: string;
  readonly firstTurnMs: number;
  readonly secondTurnMs: number;
  readonly ratio: number;
  /** Of the second turn's prompt, as the server tells. */
  readonly cachedTokens: number;
  readonly promptTokens: number;
}

async function measure(server: BenchServer): Promise<Row> {
  const first: number[] = [];
  const second: number[] = [];
  let cachedTokens = 0;
  let promptTokens = 0;
  for (let round = -1; round < ROUNDS; round += 1) {
    const system = `${String(round)} ${'You are helpful. '.repeat(SYSTEM_CHARACTERS / 17)}`;
    const opening = [
      { role: 'system', content: system },
      { role: 'user', content: 'Begin.' },
    ];
    const turn = async (messages: typeof opening): Promise<StreamSample> => {
      const wanted = { port: server.port, model: server.model, messages, maxTokens: ANSWER_TOKENS };
      const sample = await streamChat(wanted);
      requireAnswered(server, [sample]);
      return sample;
    };
    const one = await turn(opening);
    const two = await turn([
      ...opening,
      { role: 'assistant', content: 'I have begun.' },
      { role: 'user', content: 'Go on.' },
    ]);
    if (round < 0) continue;
    first.push(one.firstTokenMs ?? one.totalMs);
    second.push(two.firstTokenMs ?? two.totalMs);
    ({ cachedTokens, promptTokens } = two);
  }
  const firstTurnMs = median(first);
  const secondTurnMs = median(second);
  return {
    server: server.name,
    firstTurnMs,
    secondTurnMs,
    ratio: secondTurnMs / firstTurnMs,
    cachedTokens,
    promptTokens,
  };
}

const rows: Row[] = [];
await withServers(MODEL, process.argv.slice(2), async (servers) => {
  for (const server of servers) rows.push(await measure(server));
});
await publish('conversation', { model: MODEL, rounds: ROUNDS, rows }, [
  {
    title: '',
    heading: ['server', 'TTFT first turn, ms', 'second turn', 'share', 'cached', 'prompt'],
    rows: rows.map((row) => [
      row.server,
      row.firstTurnMs.toFixed(1),
      row.secondTurnMs.toFixed(1),
      `${(row.ratio * 100).toFixed(0)} %`,
      String(row.cachedTokens),
      String(row.promptTokens),
    ]),
  },
]);
