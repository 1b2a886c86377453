import { CodedError, type CodedErrorOptions, type OpenAiError } from '@mlxfleet/protocol';
import type { ApiErrorDefinition } from './errors.ts';

export interface ApiErrorOptions extends CodedErrorOptions {
  /** The request field at fault. */
  readonly param?: string | null;
  /** Seconds after which a retry makes sense. */
  readonly retryAfter?: number;
  /** What a text of the request holds and must not: `param` is told more closely by whoever has the request. */
  readonly quote?: string;
  /** The whole story for those who run the host, paths included. Only the admin API tells it. */
  readonly details?: string;
}

/** An expected failure of one HTTP request. Its message is shown to the client: no host paths, no prompt text. */
export class ApiError extends CodedError {
  override readonly name = 'ApiError';
  readonly definition: ApiErrorDefinition;
  readonly param: string | null;
  readonly retryAfter: number | null;
  readonly details: string | null;
  readonly quote: string | null;

  constructor(definition: ApiErrorDefinition, message: string, options: ApiErrorOptions = {}) {
    super(definition, message, options);
    this.definition = definition;
    this.param = options.param ?? null;
    this.retryAfter = options.retryAfter ?? null;
    this.details = options.details ?? null;
    this.quote = options.quote ?? null;
  }

  get status(): number {
    return this.definition.status;
  }

  /** The body in OpenAI's shape. */
  toBody(): OpenAiError {
    return {
      error: {
        message: this.message,
        type: this.definition.type,
        param: this.param,
        code: this.definition.code.toLowerCase(),
      },
    };
  }
}
