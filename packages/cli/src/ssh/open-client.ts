import type { Duplex } from 'node:stream';
import { type AnyAuthMethod, Client } from 'ssh2';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { supportCertificates } from './certified-key.ts';
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
  /** Makes one more connection to the hop. */
  readonly openAnother: () => Promise<Duplex>;
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
      authHandler: (methods, _partial, next) => {
        const method = login.nextMethod(methods);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types of ssh2 lack `false`, its way to say "no more"
        next(method as AnyAuthMethod);
      },
    });
    supportCertificates(client);
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
  #hasOffered = false;
  #hasAsked = false;
  #methods: readonly string[] | null = null;

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
    const { hop, acquaintance, context, deadline, openAnother } = this.#settings;
    if (this.#accepted?.key.equals(key) === true) return;
    try {
      const verified = verifyHostKey(hop, key, acquaintance, context, openAnother);
      this.#accepted = await deadline.pauseDuring(verified);
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
  nextMethod(methods: readonly string[] | null): AnyAuthMethod | false {
    const username = this.#settings.hop.config.user;
    if (!this.#hasOffered) {
      this.#hasOffered = true;
      if (this.#ring.keys.length > 0) return { type: 'agent', username, agent: this.#ring };
    }
    if (!this.#hasAsked) {
      this.#hasAsked = true;
      // Makes the host tell what it wants, which ssh2 drops of its answers to keys.
      return { type: 'none', username };
    }
    this.#methods = methods ?? this.#methods;
    return false;
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
    const hasGivenUp = /too many authentication failures/i.test(message);
    if (this.#hasOffered && (hasGivenUp || levelOf(failure) === 'client-authentication')) {
      return this.#refused(hasGivenUp && !this.#hasAsked);
    }
    const reason = failure ?? new Error('the connection was closed during the handshake');
    return unreachable(hop.name, place, reason);
  }

  /** @param tooMany the host closed the connection before it had seen every key. */
  #refused(tooMany: boolean): CodedError {
    const { hop, place, gathered } = this.#settings;
    const { keys, skipped } = gathered;
    const left = skipped.length === 0 ? '' : `; not offered: ${skipped.join('; ')}`;
    const who = `${hop.name}: ${hop.config.user} at ${place}`;
    const offered = keys.map(describeKey).join(', ');
    const failed = (what: string, hint?: string): CodedError =>
      new CodedError(ERRORS.AUTH_FAILED, `${who}: ${what}${left}`, hint === undefined ? {} : { hint });
    if (tooMany) return failed(`the host gave up after some of ${offered}`, HINTS.tooMany);
    const methods = this.#methods?.join(', ') ?? '';
    if (this.#ring.hasSigned) {
      return failed(`the host takes one of ${offered} and then wants ${methods || 'more'}`, HINTS.notAlone);
    }
    if (this.#methods?.includes('publickey') === false) {
      const tried = keys.length === 0 ? '' : `; tried ${offered}`;
      return failed(
        `the host lets nobody in with a key, only with ${methods || 'nothing'}${tried}`,
        HINTS.noKeys,
      );
    }
    if (keys.length === 0 && skipped.length > 0) {
      return new CodedError(ERRORS.KEY_UNUSABLE, `${who}: no key to offer${left}`);
    }
    if (keys.length === 0) return failed('there is no key to offer');
    return failed(`the host accepts none of ${offered}`);
  }
}

/** What to do about the ways in which a host refuses a login. */
const HINTS = {
  tooMany:
    'Name the right key as `identity` in the inventory, or with IdentityFile and IdentitiesOnly in ssh_config.',
  notAlone:
    'mlxfleet logs in with a key alone. Let sshd on the host accept it alone for this user: `AuthenticationMethods publickey`.',
  noKeys:
    'mlxfleet logs in with ssh keys only. Set `PubkeyAuthentication yes` in sshd_config on the host and add your public key to ~/.ssh/authorized_keys there.',
} as const;

/** Also a reset: a server that closes without reading what the client said about itself makes the system send one. */
function isClosing(failure: unknown): boolean {
  if (!(failure instanceof Error)) return false;
  if (failure.message === 'Connection lost before handshake') return true;
  return 'code' in failure && (failure.code === 'ECONNRESET' || failure.code === 'EPIPE');
}

/** The first line that a server said before who it is; empty when it said nothing else. */
function saidInstead(opening: string): string {
  const line = opening.split(/[\r\n]+/).find((part) => part.trim() !== '') ?? '';
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
