import type { Duplex } from 'node:stream';
import { type AnyAuthMethod, Client } from 'ssh2';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import type { Deadline } from './deadline.ts';
import type { GatheredKeys } from './gather-keys.ts';
import { describeKey, KeyRing } from './key-ring.ts';
import { hostKeyAlgorithms } from './known-hosts.ts';
import type { Hop } from './route.ts';
import type { SshContext } from './ssh-context.ts';
import { unreachable } from './unreachable.ts';
import { type AcceptedKey, type Acquaintance, verifyHostKey } from './verify-host-key.ts';

const KEEPALIVE_MS = 5000;
const KEEPALIVES_UNANSWERED = 3;

/** More than a busy server says before it closes. */
const OPENING_BYTES = 200;

/**
 * The server closed the connection before it said which ssh it speaks: too many others are logging in. The message is
 * what it said instead, or empty.
 */
export class ClosedBeforeIdentification extends Error {
  override readonly name: string = 'ClosedBeforeIdentification';
}

export interface ClientSettings {
  readonly hop: Hop;
  /** Where the hop is, for messages. */
  readonly place: string;
  readonly acquaintance: Acquaintance;
  readonly gathered: GatheredKeys;
  readonly context: SshContext;
  readonly deadline: Deadline;
}

/**
 * Speaks ssh over a stream until the user is logged in.
 * @throws CodedError HOST_KEY_*, AUTH_FAILED, PASSPHRASE_NEEDED, KEY_UNUSABLE, HOST_UNREACHABLE; ClosedBeforeIdentification; the deadline's reason.
 */
export async function openClient(stream: Duplex, settings: ClientSettings): Promise<Client> {
  const { deadline } = settings;
  const client = new Client();
  const login = new Login(settings);
  // Whoever closed it before anybody listened is not heard of again.
  if (stream.destroyed) throw new ClosedBeforeIdentification();
  let failure: unknown;
  let isClosed = false;
  const ready = new Promise<void>((resolve, reject) => {
    client.once('handshake', () => login.handshakeDone());
    client.once('ready', () => resolve());
    // Stays for the connection's life: an error event without a listener would end the process.
    client.on('error', (error: unknown) => {
      if (!isAgentError(error)) failure ??= error;
    });
    client.once('close', () => {
      isClosed = true;
      reject(asError(login.explain(failure)));
    });
  });
  // ssh2 tells of it only together with the identification.
  const hear = (chunk: Buffer): void => login.hear(chunk);
  stream.on('data', hear);
  client.once('handshake', () => stream.off('data', hear));
  try {
    client.connect({
      sock: stream,
      username: settings.hop.config.user,
      readyTimeout: 0,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: KEEPALIVES_UNANSWERED,
      algorithms: { serverHostKey: hostKeyAlgorithms(settings.acquaintance.known) },
      hostVerifier: (key: Buffer, verify: (valid: boolean) => void) => {
        login.verify(key).then(
          () => verify(true),
          () => verify(false),
        );
      },
      authHandler: (methods, partial, next) => {
        const method = login.nextMethod(methods, partial);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types of ssh2 lack `false`, its way to say "no more"
        next(method as AnyAuthMethod);
      },
    });
    await deadline.race(ready);
    await login.record();
    if (isClosed) throw asError(login.explain(failure));
    return client;
  } catch (error) {
    client.destroy();
    stream.destroy();
    throw error;
  }
}

/** What is known about one login while it happens. */
class Login {
  readonly #settings: ClientSettings;
  readonly #ring: KeyRing;
  /** The first bytes of the server. */
  #opening = '';
  #verdict: unknown = null;
  #accepted: AcceptedKey | null = null;
  #isEncrypted = false;
  #hasAsked = false;
  #methods: readonly string[] | null = null;
  #isPartial = false;

  constructor(settings: ClientSettings) {
    this.#settings = settings;
    this.#ring = new KeyRing(settings.gathered.keys);
  }

  hear(chunk: Buffer): void {
    if (this.#opening.length < OPENING_BYTES) this.#opening += chunk.toString('latin1', 0, OPENING_BYTES);
  }

  handshakeDone(): void {
    this.#isEncrypted = true;
  }

  /** Rejects when the key is refused. ssh2 asks again at every change of session keys. */
  async verify(key: Buffer): Promise<void> {
    const { hop, acquaintance, context, deadline } = this.#settings;
    if (this.#accepted?.key.equals(key) === true) return;
    try {
      this.#accepted = await deadline.pauseDuring(verifyHostKey(hop, key, acquaintance, context));
    } catch (error) {
      this.#verdict = error;
      throw error;
    }
  }

  /** Records a new key, now that the host has proved that it holds the private one. */
  async record(): Promise<void> {
    const { hop, acquaintance, context } = this.#settings;
    const [file] = hop.config.userKnownHosts;
    if (this.#accepted?.isNew !== true || file === undefined || file === '/dev/null') return;
    await context.recorder.record(file, acquaintance.name, this.#accepted.key, hop.config.hashKnownHosts);
  }

  /** The next way to log in, or false when there is none left. */
  nextMethod(methods: readonly string[] | null, partial: boolean | null): AnyAuthMethod | false {
    this.#methods = methods ?? this.#methods;
    this.#isPartial ||= partial === true;
    if (this.#hasAsked) return false;
    this.#hasAsked = true;
    const username = this.#settings.hop.config.user;
    // Without keys, `none` makes the host tell what it wants.
    if (this.#ring.keys.length === 0) return { type: 'none', username };
    return { type: 'agent', username, agent: this.#ring };
  }

  /** The error of a connection that closed before the user was logged in. */
  explain(failure: unknown): unknown {
    if (this.#verdict !== null) return this.#verdict;
    const message = failure instanceof Error ? failure.message : '';
    if (this.#accepted === null && !this.#isEncrypted && isClosing(failure)) {
      return new ClosedBeforeIdentification(saidInstead(this.#opening));
    }
    const { hop, place } = this.#settings;
    const locked = this.#ring.failures.find((reason) => reason instanceof CodedError && isPassphrase(reason));
    if (locked !== undefined) return locked;
    const tooMany = /too many authentication failures/i.test(message);
    if (this.#hasAsked && (tooMany || levelOf(failure) === 'client-authentication')) {
      return this.#refused(tooMany);
    }
    const reason = failure ?? new Error('the connection was closed during the handshake');
    return unreachable(hop.name, place, reason);
  }

  #refused(tooMany: boolean): CodedError {
    const { hop, place, gathered } = this.#settings;
    const { keys, skipped } = gathered;
    const left = skipped.length === 0 ? '' : `; not offered: ${skipped.join('; ')}`;
    const who = `${hop.name}: ${hop.config.user} at ${place}`;
    if (keys.length === 0 && skipped.length > 0) {
      return new CodedError(ERRORS.KEY_UNUSABLE, `${who}: no key to offer${left}`);
    }
    if (keys.length === 0) return new CodedError(ERRORS.AUTH_FAILED, `${who}: there is no key to offer`);
    const offered = keys.map(describeKey).join(', ');
    if (tooMany) {
      return new CodedError(ERRORS.AUTH_FAILED, `${who}: the host gave up after some of ${offered}${left}`, {
        hint: 'Name the right key as `identity` in the inventory, or with IdentityFile and IdentitiesOnly in ssh_config.',
      });
    }
    const wants = this.#methods === null ? '' : `; it takes ${this.#methods.join(', ')}`;
    const what = this.#isPartial ? 'wants more than a key after' : 'accepts none of';
    return new CodedError(ERRORS.AUTH_FAILED, `${who}: the host ${what} ${offered}${wants}${left}`);
  }
}

/** Also a reset: a server that closes without reading what the client said about itself makes the system send one. */
function isClosing(failure: unknown): boolean {
  if (!(failure instanceof Error)) return false;
  if (failure.message === 'Connection lost before handshake') return true;
  return 'code' in failure && (failure.code === 'ECONNRESET' || failure.code === 'EPIPE');
}

/** The first line that a server said before who it is; empty when it said nothing else. */
function saidInstead(opening: string): string {
  const [line = ''] = opening.split(/[\r\n]+/).filter((part) => part.trim() !== '');
  return line.startsWith('SSH-') ? '' : line.replaceAll(/[^\x20-\x7e]/g, '?').trim();
}

function isPassphrase(error: CodedError): boolean {
  return error.code === ERRORS.PASSPHRASE_NEEDED.code;
}

function levelOf(error: unknown): string | null {
  return error instanceof Error && 'level' in error && typeof error.level === 'string' ? error.level : null;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** An agent or a key that does not sign is no reason to give up: ssh2 goes on with the next key. */
function isAgentError(error: unknown): boolean {
  return levelOf(error) === 'agent';
}
