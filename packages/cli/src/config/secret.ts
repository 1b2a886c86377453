import { createHash } from 'node:crypto';
import { inspect } from 'node:util';

const REDACTED = '[secret]';

/** Variables of an environment; those that are secrets do not show themselves. */
export type Environment = Readonly<Record<string, string | Secret>>;

/** The same with the secrets' values, for whoever passes them on to the host. */
export function revealed(environment: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      value instanceof Secret ? value.reveal() : value,
    ]),
  );
}

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
