import type { StreamSample } from './stream-client.ts';

/** Milliseconds between pieces of a stream, of those gaps that ended between two times since its request was sent. */
export function streamGaps(sample: StreamSample, from = 0, until = Infinity): number[] {
  return sample.chunkMs
    .map((time, index) => ({ time, gap: time - (sample.chunkMs[index - 1] ?? time) }))
    .filter(({ time, gap }) => gap > 0 && time >= from && time <= until)
    .map(({ gap }) => gap);
}
