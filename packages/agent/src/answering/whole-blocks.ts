import type { StepOutput } from '@mlxfleet/protocol';
import { type AnswerBlock, AnswerBlocks } from './answer-blocks.ts';
import type { Finish, Summary } from './generation.ts';
import type { WholeSink } from './respond.ts';

/** Makes the object that a finished answer is told as. */
export type FinishAnswer<Answer> = (
  blocks: readonly AnswerBlock[],
  finish: Finish,
  summary: Summary,
) => Answer;

/** Collects an answer of one choice that is sent whole, as blocks. */
export class WholeBlocks implements WholeSink {
  readonly #blocks = new AnswerBlocks();
  readonly #outcome = Promise.withResolvers<string>();
  readonly #finish: FinishAnswer<unknown>;

  constructor(finish: FinishAnswer<unknown>) {
    this.#finish = finish;
  }

  get outcome(): Promise<string> {
    return this.#outcome.promise;
  }

  started(): void {
    // Nothing is sent before everything is there.
  }

  output(_: number, output: StepOutput): void {
    this.#blocks.take(output);
  }

  finished(_: number, finish: Finish, last: Summary | null): void {
    this.#blocks.end(finish.reason !== 'length');
    if (last === null) return;
    this.#outcome.resolve(JSON.stringify(this.#finish(this.#blocks.blocks, finish, last)));
  }

  done(): void {
    // The last choice had all figures.
  }

  failed(error: Error): void {
    this.#outcome.reject(error);
  }
}
