import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../../../api-error.ts';
import { API_ERRORS } from '../../../errors.ts';
import { type AskToEmbed, embed, type EmbeddingInput, inputBatches } from './embeddings-batches.ts';

const NEVER = new AbortController().signal;

/** A model whose vector of an input is its text, a few milliseconds later. */
class TextModel {
  readonly asked: number[] = [];
  readonly aborted: unknown[] = [];
  asking = 0;
  mostAsking = 0;
  readonly #fail: (inputs: readonly EmbeddingInput[]) => ApiError | null;

  constructor(fail: (inputs: readonly EmbeddingInput[]) => ApiError | null = () => null) {
    this.#fail = fail;
  }

  readonly ask: AskToEmbed = async ({ inputs }, signal) => {
    this.asked.push(inputs.length);
    this.asking += 1;
    this.mostAsking = Math.max(this.mostAsking, this.asking);
    const failure = this.#fail(inputs);
    await sleep(failure === null ? 5 : 1, undefined, { signal }).catch(() => {
      this.aborted.push(signal.reason);
    });
    this.asking -= 1;
    signal.throwIfAborted();
    if (failure !== null) throw failure;
    const embeddings = inputs.map((input) => `v${String(input)}`);
    return { type: 'embedded', id: '', embeddings, prompt_tokens: inputs.length };
  };
}

function texts(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}

describe('batches', () => {
  test('neighbours are together up to the number of inputs', () => {
    expect(inputBatches(texts(5), 2)).toMatchObject([
      { start: 0, inputs: ['0', '1'] },
      { start: 2, inputs: ['2', '3'] },
      { start: 4, inputs: ['4'] },
    ]);
  });

  test('neighbours are together up to the number of characters, and a long input goes alone', () => {
    const inputs = ['aaaa', 'bb', 'c'.repeat(20), 'd', [1, 2], [3]];
    expect(inputBatches(inputs, 10, 9).map((batch) => batch.start)).toEqual([0, 2, 3, 5]);
  });

  test('what most requests send is one question', () => {
    expect(inputBatches(texts(256))).toHaveLength(1);
    expect(inputBatches(texts(2048))).toHaveLength(8);
  });
});

describe('a request of many inputs', () => {
  test('has its vectors in the order of the inputs, and its tokens together', async () => {
    const model = new TextModel();
    const answer = await embed(model.ask, texts(2048), null, NEVER);
    expect(answer.vectors).toEqual(texts(2048).map((text) => `v${text}`));
    expect(answer.promptTokens).toBe(2048);
    expect([model.asked.length, model.mostAsking]).toEqual([8, 2]);
  });

  test.each([
    ['input.3', 'input[3] is empty.', 'input.515', 'input[515] is empty.'],
    ['input', 'input is empty.', 'input.512', 'input[512] is empty.'],
    [
      'input.0',
      'Of input[0], the model gave nothing.',
      'input.512',
      'Of input[512], the model gave nothing.',
    ],
    ['input.7', 'Token 5 is unknown.', 'input.519', 'Token 5 is unknown.'],
    ['dimensions', 'There are 4 components.', 'dimensions', 'There are 4 components.'],
  ])('names an input by its place in the request: %s', async (param, message, named, text) => {
    const model = new TextModel((inputs) =>
      inputs[0] === '512' ? new ApiError(API_ERRORS.INVALID_VALUE, message, { param }) : null,
    );
    const failed = embed(model.ask, texts(1024), null, NEVER);
    await expect(failed).rejects.toMatchObject({ code: 'INVALID_VALUE', param: named, message: text });
  });

  test('asks for no more when one question has failed', async () => {
    const model = new TextModel(([first]) =>
      first === '256' ? new ApiError(API_ERRORS.INVALID_VALUE, 'bad', { param: 'input.1' }) : null,
    );
    await expect(embed(model.ask, texts(2048), null, NEVER)).rejects.toMatchObject({ param: 'input.257' });
    expect(model.asked).toHaveLength(2);
    await expect.poll(() => model.aborted).toMatchObject([{ param: 'input.257' }]);
  });

  test('ends with its client', async () => {
    const model = new TextModel();
    const client = new AbortController();
    const failed = embed(model.ask, texts(2048), null, client.signal);
    client.abort(new Error('gone'));
    await expect(failed).rejects.toThrow('gone');
    expect(model.asked).toHaveLength(2);
    await expect.poll(() => model.asking).toBe(0);
  });
});
