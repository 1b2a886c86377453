import type { WorkerReply, WorkerRequest } from '@mlxfleet/protocol';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import type { AnswerFrame, FrameOf } from '../../workers/worker-listener.ts';
import { KeptPlaces } from './kept-places.ts';
import { queueFull, requestError, workerCrashed } from './model-errors.ts';

/** Frames that are answered by one reply, and their replies. */
const REPLIES = { tokenize: 'tokenized', detokenize: 'detokenized', embed: 'embedded' } as const;

type QuestionType = keyof typeof REPLIES;
type QuestionFrame = Extract<WorkerRequest, { type: QuestionType }>;

/** A question without its id, which is made when it is asked. */
export type Question = {
  [Type in QuestionType]: Omit<Extract<QuestionFrame, { type: Type }>, 'id'>;
}[QuestionType];

export type AnswerTo<Asked extends Question> = FrameOf<(typeof REPLIES)[Asked['type']]>;

export interface QuestionsOptions {
  /** Id of the model, for messages. */
  readonly model: string;
  /** Most questions at a time, waiting or sent. */
  readonly depth: number;
  /** To the worker. */
  readonly send: (frame: WorkerRequest) => void;
  /** Called when a worker is rid of a question. */
  readonly onFreed: () => void;
  /** Milliseconds that a worker may take for an answer. */
  readonly longestAnswerMs?: number;
}

/** Seconds after which whoever finds no place should ask again: most answers take less. */
const FULL_RETRY_SECONDS = 2;

interface Entry {
  readonly frame: QuestionFrame;
  readonly answer: PromiseWithResolvers<AnswerFrame>;
  /** Workers that have died with it. */
  readonly crashes: number;
  /** Runs while a worker has it; null while it waits. */
  readonly timer: NodeJS.Timeout | null;
}

/** A worker that hangs is found earlier; an answer that takes longer was lost. */
const LONGEST_ANSWER_MS = 300_000;

/** One-shot questions to the worker of one model. The only writer of them. */
export class Questions {
  readonly #options: QuestionsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #kept = new KeptPlaces();
  #count = 0;

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  /** Questions that a worker has. */
  get sentCount(): number {
    return this.#sent().length;
  }

  get waitingCount(): number {
    return this.#entries.size - this.sentCount;
  }

  /** Whether a worker has a question whose answer takes steps. */
  get isEmbedding(): boolean {
    return this.#sent().some(({ frame }) => frame.type === 'embed');
  }

  /**
   * Takes a question in; its answer comes when a worker has it.
   * @throws ApiError QUEUE_FULL and whatever ends it, or the reason of the signal.
   */
  async ask<Asked extends Question>(question: Asked, signal?: AbortSignal): Promise<AnswerTo<Asked>> {
    signal?.throwIfAborted();
    this.#refuseBeyondRoom();
    this.#count += 1;
    const id = `question-${String(this.#count)}`;
    const answer = Promise.withResolvers<AnswerFrame>();
    this.#entries.set(id, { frame: withId(question, id), answer, crashes: 0, timer: null });
    const onAbort = (): void => {
      this.#giveUp(id, signal?.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const frame = await answer.promise;
      if (isAnswerTo(question, frame)) return frame;
      throw new ApiError(
        API_ERRORS.INTERNAL_ERROR,
        `The worker of model '${this.#options.model}' answered something else.`,
      );
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Keeps the place of a question that is to be asked; gives what lets go of it.
   * @throws ApiError QUEUE_FULL.
   */
  keepPlace(): () => void {
    this.#refuseBeyondRoom();
    return this.#kept.keep(1);
  }

  /** Sends what waits. */
  fill(): void {
    const { send, longestAnswerMs = LONGEST_ANSWER_MS, model } = this.#options;
    for (const [id, entry] of this.#entries) {
      if (entry.timer !== null) continue;
      const timer = setTimeout(() => {
        const seconds = String(longestAnswerMs / 1000);
        const message = `The worker of model '${model}' did not answer within ${seconds} s.`;
        this.#giveUp(id, new ApiError(API_ERRORS.REQUEST_TIMEOUT, message));
      }, longestAnswerMs);
      this.#entries.set(id, { ...entry, timer });
      send(entry.frame);
    }
  }

  answered(frame: AnswerFrame): void {
    this.#take(frame.id)?.answer.resolve(frame);
    this.#options.onFreed();
  }

  /** Whether the frame was about a question. */
  failed(frame: FrameOf<'failed'>): boolean {
    const entry = this.#take(frame.id);
    if (entry === null) return false;
    entry.answer.reject(requestError(frame));
    this.#options.onFreed();
    return true;
  }

  /** The worker has died: what it had is asked once more. */
  crashed(reason: string): void {
    for (const { frame, answer, crashes } of this.#sent()) {
      this.#take(frame.id);
      if (crashes > 0) answer.reject(workerCrashed(this.#options.model, reason, crashes + 1));
      else this.#entries.set(frame.id, { frame, answer, crashes: 1, timer: null });
    }
  }

  failSent(error: ApiError): void {
    for (const { frame } of this.#sent()) this.#giveUp(frame.id, error);
  }

  failWaiting(error: ApiError): void {
    for (const [id, entry] of this.#entries) {
      if (entry.timer === null) this.#take(id)?.answer.reject(error);
    }
  }

  #refuseBeyondRoom(): void {
    const { depth, model } = this.#options;
    if (this.#entries.size + this.#kept.count < depth) return;
    throw queueFull(model, this.sentCount, this.waitingCount + this.#kept.count, FULL_RETRY_SECONDS);
  }

  #sent(): Entry[] {
    return [...this.#entries.values()].filter(({ timer }) => timer !== null);
  }

  #giveUp(id: string, reason: unknown): void {
    const entry = this.#take(id);
    if (entry === null) return;
    entry.answer.reject(reason);
    if (entry.timer === null) return;
    this.#options.send({ type: 'cancel', id });
    this.#options.onFreed();
  }

  #take(id: string): Entry | null {
    const entry = this.#entries.get(id);
    if (entry === undefined) return null;
    if (entry.timer !== null) clearTimeout(entry.timer);
    this.#entries.delete(id);
    return entry;
  }
}

function withId(question: Question, id: string): QuestionFrame {
  return { ...question, id };
}

function isAnswerTo<Asked extends Question>(asked: Asked, frame: WorkerReply): frame is AnswerTo<Asked> {
  return frame.type === REPLIES[asked.type];
}
