import { field } from '../field.ts';
import { parseJson } from './call.ts';

/** Reads a streamed completion: its text, what the agent says of its speed, and whether it came to its end. */
export class StreamReader {
  #rest = '';
  #text = '';
  #tokens = 0;
  #imageTokens = 0;
  #timings: unknown = null;
  #error: string | null = null;
  #done = false;

  get error(): string | null {
    return this.#error;
  }

  get isComplete(): boolean {
    return this.#done;
  }

  /** Tokens of the prompt that stand for images. */
  get imageTokens(): number {
    return this.#imageTokens;
  }

  push(piece: string): void {
    const lines = (this.#rest + piece).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }

  /** Speeds are the worker's own: a short stream may arrive in one piece, which says nothing about them. */
  figures(): Readonly<Record<string, unknown>> {
    return {
      text: this.#text,
      completion_tokens: this.#tokens,
      // Most of the wait for a cold model is its load.
      load_seconds: field(this.#timings, 'queue_seconds'),
      first_token_seconds: field(this.#timings, 'prefill_seconds'),
      tokens_per_second: field(this.#timings, 'tokens_per_second'),
    };
  }

  #line(line: string): void {
    if (!line.startsWith('data: ')) return;
    const data = line.slice('data: '.length);
    if (data === '[DONE]') {
      this.#done = true;
      return;
    }
    const chunk = parseJson(data);
    const message = field(field(chunk, 'error'), 'message');
    if (typeof message === 'string') this.#error = message;
    const usage = field(chunk, 'usage');
    const tokens = field(usage, 'completion_tokens');
    if (typeof tokens === 'number') this.#tokens = tokens;
    const imageTokens = field(field(usage, 'prompt_tokens_details'), 'image_tokens');
    if (typeof imageTokens === 'number') this.#imageTokens = imageTokens;
    this.#timings = field(chunk, 'timings') ?? this.#timings;
    const choices = field(chunk, 'choices');
    const choice: unknown = Array.isArray(choices) ? choices[0] : null;
    const text = field(field(choice, 'delta'), 'content') ?? field(choice, 'text');
    if (typeof text === 'string') this.#text += text;
  }
}
