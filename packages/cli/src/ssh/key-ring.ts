import { callbackify } from 'node:util';
import {
  BaseAgent,
  type IdentityCallback,
  type ParsedKey,
  type SignCallback,
  type SigningRequestOptions,
} from 'ssh2';
import { parseCertificate, plainType } from './certificate.ts';
import { fingerprint, keyTypeName } from './fingerprint.ts';
import type { Hash } from './agent-socket.ts';

/** A key that may be offered to a host. */
export interface RingKey {
  /** Where it comes from: a path, or `agent: comment`. */
  readonly origin: string;
  readonly publicKey: ParsedKey;
  /** Called only when the host would accept the key. */
  sign(data: Buffer, hash: Hash | undefined): Promise<Buffer>;
}

/**
 * The keys of one connection in the order in which they are offered, in the form of an ssh agent: the host is shown the
 * public half first, so that nobody is asked for the passphrase of a key that the host does not want.
 */
export class KeyRing extends BaseAgent<ParsedKey> {
  readonly keys: readonly RingKey[];
  /** Reasons why accepted keys did not sign, in their order. */
  readonly failures: unknown[] = [];
  /** Whether the host took a key and got a signature. */
  hasSigned = false;

  constructor(keys: readonly RingKey[]) {
    super();
    this.keys = keys;
  }

  override getIdentities(callback: IdentityCallback<ParsedKey>): void {
    callback(
      undefined,
      this.keys.map((key) => key.publicKey),
    );
  }

  override sign(
    publicKey: ParsedKey,
    data: Buffer,
    optionsOrCallback: SigningRequestOptions | SignCallback,
    maybeCallback?: SignCallback,
  ): void {
    const callback = typeof optionsOrCallback === 'function' ? optionsOrCallback : maybeCallback;
    const hash = typeof optionsOrCallback === 'function' ? undefined : optionsOrCallback.hash;
    const sign = callbackify(async () => this.#sign(publicKey, data, hash));
    sign((error, signature) => callback?.(error, signature));
  }

  async #sign(publicKey: ParsedKey, data: Buffer, hash: Hash | undefined): Promise<Buffer> {
    const wire = publicKey.getPublicSSH();
    const key = this.keys.find((candidate) => candidate.publicKey.getPublicSSH().equals(wire));
    if (key === undefined) throw new Error('no such key');
    try {
      const signature = await key.sign(data, hash);
      this.hasSigned = true;
      return signature;
    } catch (error) {
      this.failures.push(error);
      throw error;
    }
  }
}

/** A key for people, for example `/home/me/.ssh/id_ed25519 (ED25519 SHA256:…)`. */
export function describeKey(key: RingKey): string {
  const wire = key.publicKey.getPublicSSH();
  const certificate = parseCertificate(wire);
  const type = keyTypeName(plainType(key.publicKey.type));
  const what = certificate === null ? type : `certificate of ${type}`;
  return `${key.origin} (${what} ${fingerprint(certificate?.publicKey ?? wire)})`;
}
