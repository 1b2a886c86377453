import { field, parseJson } from './call.ts';

/** Reads a streamed completion: its text, its speed, and whether it came to its end. Times in milliseconds. */
export class StreamReader {
  readonly #start: number;
  #rest = '';
  #text = '';
  #firstAt: number | null = null;
  #lastAt = 0;
  #tokens = 0;
  #queueSeconds = 0;
  #error: string | null = null;
  #done = false;

  constructor(start: number) {
    this.#start = start;
    this.#lastAt = start;
  }

  get error(): string | null {
    return this.#error;
  }

  get isComplete(): boolean {
    return this.#done;
  }

  push(piece: string, now: number): void {
    const lines = (this.#rest + piece).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line, now);
  }

  figures(): Readonly<Record<string, unknown>> {
    const firstAt = this.#firstAt ?? this.#lastAt;
    const decodeSeconds = (this.#lastAt - firstAt) / 1000;
    return {
      text: this.#text,
      completion_tokens: this.#tokens,
      // Most of the wait for a cold model is its load, which says nothing about its speed.
      load_seconds: this.#queueSeconds,
      first_token_seconds: Math.max(0, (firstAt - this.#start) / 1000 - this.#queueSeconds),
      tokens_per_second: decodeSeconds > 0 && this.#tokens > 1 ? (this.#tokens - 1) / decodeSeconds : null,
    };
  }

  #line(line: string, now: number): void {
    if (!line.startsWith('data: ')) return;
    const data = line.slice('data: '.length);
    if (data === '[DONE]') {
      this.#done = true;
      return;
    }
    const chunk = parseJson(data);
    const message = field(field(chunk, 'error'), 'message');
    if (typeof message === 'string') this.#error = message;
    const tokens = field(field(chunk, 'usage'), 'completion_tokens');
    if (typeof tokens === 'number') this.#tokens = tokens;
    const queued = field(field(chunk, 'timings'), 'queue_seconds');
    if (typeof queued === 'number') this.#queueSeconds = queued;
    const choices = field(chunk, 'choices');
    const choice: unknown = Array.isArray(choices) ? choices[0] : null;
    const text = field(field(choice, 'delta'), 'content') ?? field(choice, 'text');
    if (typeof text !== 'string' || text === '') return;
    this.#text += text;
    this.#firstAt ??= now;
    this.#lastAt = now;
  }
}
