import type { WorkerRequest } from '@mlxfleet/protocol';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import { type Question, Questions, type QuestionsOptions } from './questions.ts';

const TOKENIZE = {
  type: 'tokenize',
  prompt: { kind: 'text', text: 'hi' },
  add_special_tokens: true,
  cache_scope: null,
} as const;
const EMBED: Question = { type: 'embed', inputs: ['hi'], dimensions: null };

interface Made {
  readonly questions: Questions;
  readonly sent: WorkerRequest[];
  readonly freed: () => number;
}

function make(options: Partial<QuestionsOptions> = {}): Made {
  const sent: WorkerRequest[] = [];
  let freed = 0;
  const questions = new Questions({
    model: 'm',
    depth: 3,
    send: (frame) => {
      sent.push(frame);
    },
    onFreed: () => {
      freed += 1;
    },
    ...options,
  });
  return { questions, sent, freed: () => freed };
}

/** The id that a frame was sent with. */
function idOf(frame: WorkerRequest | undefined): string {
  if (frame === undefined || !('id' in frame)) throw new Error('no such frame');
  return frame.id;
}

describe('questions', () => {
  test('wait until they are sent, and are answered by id', async () => {
    const { questions, sent, freed } = make();
    const answers = [questions.ask(TOKENIZE), questions.ask(EMBED)];
    expect([sent, questions.waitingCount, questions.isEmbedding]).toEqual([[], 2, false]);
    questions.fill();
    questions.fill();
    expect(sent).toMatchObject([{ type: 'tokenize' }, { type: 'embed' }]);
    expect([questions.sentCount, questions.isEmbedding]).toEqual([2, true]);
    questions.answered({ type: 'embedded', id: idOf(sent[1]), embeddings: [], prompt_tokens: 1 });
    questions.answered({ type: 'tokenized', id: idOf(sent[0]), tokens: [1] });
    expect(await Promise.all(answers)).toMatchObject([{ tokens: [1] }, { prompt_tokens: 1 }]);
    expect([questions.sentCount, freed()]).toEqual([0, 2]);
  });

  test('are refused beyond their number', async () => {
    const { questions } = make({ depth: 1 });
    const first = questions.ask(TOKENIZE);
    await expect(questions.ask(TOKENIZE)).rejects.toMatchObject({ code: 'QUEUE_FULL', retryAfter: 2 });
    questions.failWaiting(new ApiError(API_ERRORS.DRAINING, 'the end'));
    await expect(first).rejects.toMatchObject({ code: 'DRAINING' });
  });

  test('fail as the worker says; other ids are left to others', async () => {
    const { questions, sent } = make();
    const answer = questions.ask(TOKENIZE);
    questions.fill();
    const failed = { type: 'failed', kind: 'memory', message: 'no room', param: null } as const;
    expect(questions.failed({ ...failed, id: 'other' })).toBe(false);
    expect(questions.failed({ ...failed, id: idOf(sent[0]) })).toBe(true);
    await expect(answer).rejects.toMatchObject({ code: 'MEMORY_EXHAUSTED', retryAfter: 5 });
  });

  test('are asked once more when the worker dies, and not a third time', async () => {
    const { questions, sent } = make();
    const asked = questions.ask(TOKENIZE);
    const late = questions.ask(TOKENIZE);
    questions.fill();
    questions.answered({ type: 'tokenized', id: idOf(sent[1]), tokens: [] });
    await late;
    questions.crashed('signal SIGKILL');
    expect([questions.sentCount, questions.waitingCount]).toEqual([0, 1]);
    questions.fill();
    expect(idOf(sent[2])).toBe(idOf(sent[0]));
    questions.crashed('signal SIGSEGV');
    await expect(asked).rejects.toMatchObject({
      code: 'WORKER_CRASHED',
      message: "The worker of model 'm' died 2 times while it held this request (signal SIGSEGV).",
    });
  });

  test('end with their signal, and the worker is told', async () => {
    const { questions, sent } = make();
    const gone = new Error('the client is gone');
    const abort = new AbortController();
    const waiting = questions.ask(TOKENIZE, abort.signal);
    const other = questions.ask(TOKENIZE);
    abort.abort(gone);
    await expect(waiting).rejects.toBe(gone);
    questions.fill();
    expect(sent).toHaveLength(1);
    const second = new AbortController();
    const running = questions.ask(EMBED, second.signal);
    questions.fill();
    second.abort(gone);
    await expect(running).rejects.toBe(gone);
    expect(sent.at(-1)).toEqual({ type: 'cancel', id: idOf(sent[1]) });
    await expect(questions.ask(TOKENIZE, second.signal)).rejects.toBe(gone);
    questions.failSent(new ApiError(API_ERRORS.MODEL_UNLOADED, 'gone'));
    await expect(other).rejects.toMatchObject({ code: 'MODEL_UNLOADED' });
  });

  test('are given up when no answer comes', async () => {
    const { questions, sent, freed } = make({ longestAnswerMs: 10 });
    const answer = questions.ask(TOKENIZE);
    questions.fill();
    await expect(answer).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
    expect(sent.at(-1)).toMatchObject({ type: 'cancel' });
    expect([questions.sentCount, freed()]).toEqual([0, 1]);
  });

  test('an answer of another kind is an error, and not a wrong answer', async () => {
    const { questions, sent } = make();
    const answer = questions.ask(TOKENIZE);
    questions.fill();
    questions.answered({ type: 'detokenized', id: idOf(sent[0]), text: 'hi' });
    await expect(answer).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
  });
});
