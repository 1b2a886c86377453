import type { ParsedKey } from 'ssh2';

/** Asked when a host's key is in no known_hosts file. */
export interface HostKeyQuestion {
  /** Name in the inventory; `NAME (jump JUMP)` for a host on the way there. */
  readonly host: string;
  /** What known_hosts calls it: `air.local` or `[air.local]:2222`. */
  readonly knownAs: string;
  /** For example ED25519. */
  readonly keyType: string;
  /** `SHA256:…`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
}

/** Asked when a host accepts a private key that is encrypted. */
interface PassphraseQuestion {
  readonly keyFile: string;
  /** 1 at first; more after a wrong answer. */
  readonly attempt: number;
}

/** How a person is asked; without a callback the answer is no. */
export interface Prompts {
  readonly askHostKey?: (question: HostKeyQuestion) => Promise<boolean>;
  /** Null when the person does not want to answer. */
  readonly askPassphrase?: (question: PassphraseQuestion) => Promise<string | null>;
}

const PASSPHRASE_ATTEMPTS = 3;

/** The questions of one command, whatever host they come from: one at a time, and each key's passphrase once. */
export class Questions {
  readonly #prompts: Prompts;
  readonly #keys = new Map<string, Promise<ParsedKey | null>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(prompts: Prompts) {
    this.#prompts = prompts;
  }

  /** Whether the person accepts the key; null when nobody can be asked. */
  async acceptsHostKey(question: HostKeyQuestion): Promise<boolean | null> {
    const ask = this.#prompts.askHostKey;
    return ask === undefined ? null : this.#oneAtATime(async () => ask(question));
  }

  /**
   * An encrypted key, decrypted with what the person answers; null when nobody can be asked, the person declines, or
   * three answers were wrong.
   * @param decrypt the key, or null for a wrong passphrase.
   */
  async unlock(
    keyFile: string,
    decrypt: (passphrase: string) => ParsedKey | null,
  ): Promise<ParsedKey | null> {
    const known = this.#keys.get(keyFile);
    if (known !== undefined) return known;
    const asked = this.#oneAtATime(async () => this.#askUntilRight(keyFile, decrypt));
    this.#keys.set(keyFile, asked);
    return asked;
  }

  async #askUntilRight(
    keyFile: string,
    decrypt: (passphrase: string) => ParsedKey | null,
  ): Promise<ParsedKey | null> {
    for (let attempt = 1; attempt <= PASSPHRASE_ATTEMPTS; attempt += 1) {
      const passphrase = (await this.#prompts.askPassphrase?.({ keyFile, attempt })) ?? null;
      if (passphrase === null) return null;
      const key = passphrase === '' ? null : decrypt(passphrase);
      if (key !== null) return key;
    }
    return null;
  }

  async #oneAtATime<T>(ask: () => Promise<T>): Promise<T> {
    const answer = this.#last.then(ask);
    this.#last = answer.catch(() => undefined);
    return answer;
  }
}
