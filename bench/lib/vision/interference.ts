import { setTimeout as sleep } from 'node:timers/promises';
import { type ContentPart, imagePart, textPart } from '../message-content.ts';
import type { BenchServer } from '../peer-server.ts';
import type { ResultTable } from '../report.ts';
import { median, quantile } from '../statistics.ts';
import { type StreamSample, streamChat } from '../stream-client.ts';
import { streamGaps } from '../stream-gaps.ts';
import { ask } from './ask.ts';
import { newPictures } from './pictures.ts';

const STREAMS = 4;
/** So many that the streams outlast the images beside them. */
const STREAM_TOKENS = 4000;
/** Of the streams that have the server to themselves: enough for a p95. */
const QUIET_TOKENS = 1000;
/** Images that another client has looked at meanwhile, one after the other. */
const IMAGES = 4;
/** Until all streams have begun. */
const BEGINNING_MS = 150;

interface Row {
  readonly server: string;
  readonly aloneP95: number;
  readonly besideP95: number;
  /** Median over rounds of the longest silence of any stream. */
  readonly besideLongest: number;
  /** To the first token of the answer about an image. */
  readonly imageMs: number;
}

class Gathered {
  readonly #alone: number[] = [];
  readonly #beside: number[] = [];
  readonly #longest: number[] = [];
  readonly #imageMs: number[] = [];
  readonly #server: BenchServer;

  constructor(server: BenchServer) {
    this.#server = server;
  }

  async run(round: number, images: readonly ContentPart[]): Promise<void> {
    const quiet = await Promise.all(this.#streams(`alone ${String(round)}`, QUIET_TOKENS));
    const start = performance.now();
    const running = this.#streams(`beside ${String(round)}`, STREAM_TOKENS);
    await sleep(BEGINNING_MS);
    const from = performance.now() - start;
    const imageMs: number[] = [];
    for (const image of images) {
      const { firstTokenMs } = await ask(this.#server, [image, textPart('What do you see?')], 1);
      imageMs.push(firstTokenMs);
    }
    const until = performance.now() - start;
    const disturbed = await Promise.all(running);
    this.#check([...quiet, ...disturbed]);
    if (disturbed.some(({ totalMs }) => totalMs < until)) {
      throw new Error(`a stream of ${this.#server.name} ended before the images: raise STREAM_TOKENS`);
    }
    if (round < 0) return;
    this.#alone.push(...quiet.flatMap((sample) => streamGaps(sample)));
    const silences = disturbed.flatMap((sample) => streamGaps(sample, from, until));
    this.#beside.push(...silences);
    this.#longest.push(Math.max(...silences));
    this.#imageMs.push(...imageMs);
  }

  row(): Row {
    return {
      server: this.#server.name,
      aloneP95: quantile(this.#alone, 0.95),
      besideP95: quantile(this.#beside, 0.95),
      besideLongest: median(this.#longest),
      imageMs: median(this.#imageMs),
    };
  }

  #streams(name: string, maxTokens: number): Array<Promise<StreamSample>> {
    const { port, model } = this.#server;
    return Array.from({ length: STREAMS }, (_, stream) =>
      streamChat({
        port,
        model,
        messages: [{ role: 'user', content: `${String(stream)} ${name}: tell me something` }],
        maxTokens,
        recordChunks: true,
      }),
    );
  }

  #check(samples: readonly StreamSample[]): void {
    const error = samples.find((sample) => sample.error !== null)?.error;
    if (typeof error === 'string') throw new Error(`a stream of ${this.#server.name} failed: ${error}`);
  }
}

/** Text streams, alone and while another client asks about images; a round to warm up, then servers in turn. */
export async function measureInterference(servers: readonly BenchServer[], rounds: number): Promise<Row[]> {
  const measured = servers.map((server) => new Gathered(server));
  for (let round = -1; round < rounds; round += 1) {
    const images = newPictures(IMAGES).map(imagePart);
    for (const gathered of measured) await gathered.run(round, images);
  }
  return measured.map((gathered) => gathered.row());
}

export function interferenceTable(rows: readonly Row[], rounds: number): ResultTable {
  return {
    title: `${String(STREAMS)} text streams beside another client's images, ${String(rounds)} rounds`,
    heading: ['server', 'gap p95 alone, ms', 'beside images', 'ratio', 'longest gap', 'TTFT ms of an image'],
    rows: rows.map(({ server, aloneP95, besideP95, besideLongest, imageMs }) => [
      server,
      aloneP95.toFixed(1),
      besideP95.toFixed(1),
      (besideP95 / aloneP95).toFixed(1),
      besideLongest.toFixed(0),
      imageMs.toFixed(0),
    ]),
  };
}
