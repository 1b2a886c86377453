import type { StepOutput } from '@mlxfleet/protocol';
import { beforeEach, expect, test } from 'vitest';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import { createMetrics } from '../metrics/metrics.ts';
import type { Attachment } from '../media/attachment.ts';
import type { Job } from '../scheduler/job.ts';
import { ClientGone } from './client-gone.ts';
import { type AnswerSink, Generation } from './generation.ts';
import { generationPlan } from './generation-plan.ts';

/** Takes jobs and does nothing with them. */
class Runner {
  readonly jobs: Job[] = [];
  readonly cancelled: string[] = [];

  submit(jobs: readonly Job[]): void {
    this.jobs.push(...jobs);
  }

  cancel(id: string): void {
    this.cancelled.push(id);
  }
}

let told: unknown[][];
let runner: Runner;
let sink: AnswerSink;
beforeEach(() => {
  told = [];
  runner = new Runner();
  const note =
    (name: string) =>
    (...values: unknown[]): void => {
      told.push([name, ...values]);
    };
  sink = {
    started: note('started'),
    output: note('output'),
    finished: note('finished'),
    done: note('done'),
    failed: note('failed'),
  };
});

interface BeginOptions {
  readonly n?: number;
  readonly prompts?: number;
  readonly seed?: number;
  readonly attachments?: readonly Attachment[];
}

function begin({ n, prompts = 1, seed, attachments = [] }: BeginOptions = {}): Generation {
  const plan = generationPlan(
    { model: 'm', n, seed },
    {
      prompts: Array.from({ length: prompts }, () => ({ kind: 'text' as const, text: 'a' })),
      attachments,
      maxTokens: 9,
      priority: 'normal',
    },
  );
  const generation = new Generation(runner, plan, sink, createMetrics());
  generation.start('id', null);
  return generation;
}

function job(index: number): Job {
  const found = runner.jobs[index];
  if (found === undefined) throw new Error(`there is no job ${String(index)}`);
  return found;
}

function output(more: Partial<StepOutput> = {}): StepOutput {
  return { id: 'id-0', text: 'x', tokens: [1], ...more };
}

const timings = { prefill_seconds: 0.5, decode_seconds: 2 };
const finish = {
  reason: 'stop' as const,
  stop_text: null,
  completion_tokens: 4,
  reasoning_tokens: 3,
  timings,
};

test('all that an output holds reaches the sink, and so does how it ended', () => {
  begin();
  job(0).listener.started(7, 2, 0);
  const outputs = [
    output({ reasoning: 'hm' }),
    output({ tool_calls: [{ index: 0, id: 'c', name: 'f', arguments: '{}' }] }),
    output({ finish: { ...finish, stop_text: 'END' } }),
  ];
  for (const each of outputs) job(0).listener.output(each);
  const usage = {
    prompt_tokens: 7,
    completion_tokens: 4,
    total_tokens: 11,
    prompt_tokens_details: { cached_tokens: 2 },
    completion_tokens_details: { reasoning_tokens: 3 },
  };
  expect(told).toMatchObject([
    ['started', 0, { tokens: 7, cachedTokens: 2, imageTokens: 0 }],
    ['output', 0, outputs[0]],
    ['output', 0, outputs[1]],
    ['output', 0, outputs[2]],
    ['finished', 0, { reason: 'stop', stop_text: 'END' }, { usage }],
    ['done', { usage, timings: { decode_seconds: 2, tokens_per_second: 2 } }],
  ]);
});

test('nothing is told of a choice that fails before its first output', () => {
  begin();
  job(0).listener.started(7, 0, 0);
  const error = new ApiError(API_ERRORS.INTERNAL_ERROR, 'broken');
  job(0).listener.failed(error);
  expect(told).toEqual([['failed', error]]);
});

test('a job that is started again is announced once, and its prompt counts once', () => {
  begin();
  job(0).listener.started(7, 0, 0);
  job(0).listener.started(7, 5, 0);
  job(0).listener.output(output({ finish }));
  expect(told.map(([name]) => name)).toEqual(['started', 'output', 'finished', 'done']);
  expect(told.at(-1)).toMatchObject([
    'done',
    { usage: { prompt_tokens: 7, prompt_tokens_details: { cached_tokens: 5 } } },
  ]);
});

test.each([
  [2 ** 53 - 1, [2 ** 53 - 1, 0, 1]],
  [2 ** 53 + 4, [4, 5, 6]],
  [2 ** 63 + 2 ** 11, [2 ** 11, 2 ** 11 + 1, 2 ** 11 + 2]],
  [-1, [-1, 0, 1]],
  [-(2 ** 63) - 2 ** 11, [-(2 ** 11), 1 - 2 ** 11, 2 - 2 ** 11]],
])('choices have seeds of their own from %d on', (seed, seeds) => {
  begin({ n: 3, seed });
  expect(runner.jobs.map(({ frame }) => frame.sampling.seed)).toEqual(seeds);
});

test('the choices of a prompt have seeds of their own, and prompts count once each', () => {
  begin({ n: 2, prompts: 2, seed: 5 });
  expect(runner.jobs.map(({ id, frame }) => [id, frame.sampling.seed])).toEqual([
    ['id-0', 5],
    ['id-1', 6],
    ['id-2', 5],
    ['id-3', 6],
  ]);
  for (const { listener } of runner.jobs) {
    listener.started(10, 4, 0);
    listener.output(output({ finish }));
  }
  expect(
    told.filter(([name]) => name === 'finished').map(([, index, , last]) => [index, last === null]),
  ).toEqual([
    [0, true],
    [1, true],
    [2, true],
    [3, false],
  ]);
  expect(told.at(-1)).toMatchObject(['done', { usage: { prompt_tokens: 20, completion_tokens: 16 } }]);
});

test('a failure of one choice ends the others, and nothing is told after it', () => {
  begin({ n: 3 });
  job(0).listener.started(1, 0, 0);
  job(0).listener.output(output({ finish }));
  const error = new ApiError(API_ERRORS.INTERNAL_ERROR, 'broken');
  job(1).listener.failed(error);
  job(2).listener.started(1, 0, 0);
  job(2).listener.output(output());
  expect(told.at(-1)).toEqual(['failed', error]);
  expect(runner.cancelled).toEqual(['id-1', 'id-2']);
});

test('a client that goes away ends what still runs', () => {
  const generation = begin({ n: 2 });
  generation.cancel();
  generation.cancel();
  expect(runner.cancelled).toEqual(['id-0', 'id-1']);
  expect(told).toEqual([['failed', expect.any(ClientGone)]]);
});

test('tokens of images are told where the prompt has some, and count once for all choices', () => {
  const source = { kind: 'url', url: 'data:,' } as const;
  begin({
    n: 2,
    attachments: [{ kind: 'image', source, param: 'p', detail: 'auto', pages: null, dpi: null }],
  });
  for (const { listener } of runner.jobs) {
    listener.started(12, 4, 10);
    listener.output(output({ finish }));
  }
  expect(told.at(-1)).toMatchObject([
    'done',
    { usage: { prompt_tokens: 12, prompt_tokens_details: { cached_tokens: 4, image_tokens: 10 } } },
  ]);
});
