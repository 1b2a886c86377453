/** What a person needs to know of one kind of error. Each code stands once in docs/errors.md. */
export interface ErrorDefinition {
  /** Stable, upper case, for example LOCK_HELD. */
  readonly code: string;
  /** One sentence: when this happens. */
  readonly when: string;
  /** What to do about it, for docs/errors.md and as the default hint. */
  readonly hint: string;
}

export interface CodedErrorOptions {
  /** Replaces the definition's hint where more is known at the place of failure. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** An expected failure: it is printed as message and hint, never as a stack. */
export class CodedError extends Error {
  override readonly name: string = 'CodedError';
  readonly code: string;
  readonly hint: string;

  constructor(definition: ErrorDefinition, message: string, options: CodedErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = definition.code;
    this.hint = options.hint ?? definition.hint;
  }
}
