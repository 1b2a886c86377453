import type { FinishReason, StepOutput } from '@mlxfleet/protocol';
import type { AnswerFormat } from './answer-format.ts';
import type { Finish, Summary } from './generation.ts';
import type { WholeSink } from './respond.ts';

/** Collects the choices of a request that does not stream. */
export class WholeAnswer implements WholeSink {
  readonly #format: AnswerFormat;
  readonly #choices: { text: string; tokens: number[]; reason: FinishReason }[];
  readonly #outcome = Promise.withResolvers<string>();

  constructor(format: AnswerFormat, choices: number) {
    this.#format = format;
    this.#choices = Array.from({ length: choices }, () => ({ text: '', tokens: [], reason: 'stop' }));
  }

  /** The answer as JSON; rejects with what ended it. */
  get outcome(): Promise<string> {
    return this.#outcome.promise;
  }

  started(): void {
    // Nothing is sent before everything is there.
  }

  output(index: number, { text, tokens }: StepOutput): void {
    const choice = this.#choices[index];
    if (choice === undefined) return;
    choice.text += text;
    for (const token of tokens) choice.tokens.push(token);
  }

  finished(index: number, { reason }: Finish): void {
    const choice = this.#choices[index];
    if (choice !== undefined) choice.reason = reason;
  }

  done({ usage, timings }: Summary): void {
    this.#outcome.resolve(this.#format.whole(this.#choices, usage, timings));
  }

  failed(error: Error): void {
    this.#outcome.reject(error);
  }
}
