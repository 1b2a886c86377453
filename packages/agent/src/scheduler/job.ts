import type { GenerateFrame, StepOutput } from '@mlxfleet/protocol';
import type { ApiError } from '../api-error.ts';
import type { Waiting } from './request-queue.ts';

/** Told what becomes of one job. After `failed`, or an output with `finish`, nothing more comes. */
interface JobListener {
  /** Of the prompt's tokens, how many came from a cache and how many stand for images. */
  started(promptTokens: number, cachedTokens: number, imageTokens: number): void;
  output(output: StepOutput): void;
  failed(error: ApiError): void;
}

/** One completion to be generated: a request with `n` or several prompts is several jobs. */
export interface Job extends Waiting {
  readonly frame: GenerateFrame;
  readonly listener: JobListener;
}
