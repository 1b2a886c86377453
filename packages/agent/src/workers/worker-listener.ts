import type { StepOutput, WorkerReply } from '@mlxfleet/protocol';

export type FrameOf<Type extends WorkerReply['type']> = Extract<WorkerReply, { type: Type }>;

/** Replies to one-shot questions. */
export type AnswerFrame = FrameOf<'tokenized' | 'detokenized' | 'embedded'>;

/** What a worker tells the model that it serves. Messages are for clients, `details` for those who run the host only. */
export interface WorkerListener {
  ready(loaded: FrameOf<'loaded'>): void;
  /** `mayRetry` when another try follows that may do better. */
  loadFailed(message: string, details: string, mayRetry: boolean): void;
  /** It died or froze while it served; what it held is lost. */
  crashed(message: string): void;
  /** It has failed so often that it rests; `message` is of the last failure. */
  broken(failures: number, message: string): void;
  stopped(): void;
  /** It was killed and does not end. When it does after all, that is told as any other end. */
  stuck(): void;
  /** A broken one has rested. */
  cooledDown(): void;
  started(frame: FrameOf<'started'>): void;
  outputs(outputs: readonly StepOutput[]): void;
  failed(frame: FrameOf<'failed'>): void;
  answered(frame: AnswerFrame): void;
  /** Whether it should be started again after a failure. */
  isWanted(): boolean;
  /** Whether it has work that ends in steps: generating or embedding. */
  isBusy(): boolean;
}
