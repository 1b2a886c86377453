import { createHash } from 'node:crypto';
import { inspect } from 'node:util';

const REDACTED = '[secret]';

/** A value that does not show itself: printed, logged or serialised it is `[secret]`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Callers pass it on and never print it. */
  reveal(): string {
    return this.#value;
  }

  /** SHA-256, hexadecimal. */
  sha256(): string {
    return createHash('sha256').update(this.#value, 'utf8').digest('hex');
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
