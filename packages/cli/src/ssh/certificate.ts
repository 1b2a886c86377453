import { WireReader, wireField } from './wire.ts';

/** A certificate of OpenSSH: a key with the word of an authority about whose it is. */
export interface Certificate {
  readonly wire: Buffer;
  /** For example `ssh-ed25519-cert-v01@openssh.com`. */
  readonly type: string;
  /** The certified key, in wire form. */
  readonly publicKey: Buffer;
  readonly isForHost: boolean;
  /** Names of users or hosts that it is good for; empty means all. */
  readonly principals: readonly string[];
  /** Seconds since 1970. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  /** Names of conditions that whoever does not know them must refuse. */
  readonly criticalOptions: readonly string[];
  /** The authority's key, in wire form. */
  readonly authority: Buffer;
  /** What the authority signed. */
  readonly signedPart: Buffer;
  /** Its type, and the signature in the form of that type. */
  readonly signature: { readonly type: string; readonly bytes: Buffer };
}

const SUFFIX = '-cert-v01@openssh.com';

/** How many fields make up a public key of each type, after its name. */
const KEY_FIELDS: Readonly<Record<string, number>> = {
  'ssh-ed25519': 1,
  'ssh-rsa': 2,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
};

const FOR_HOST = 2;

/** Takes a certificate apart; null for anything else and for types that are not supported. Checks no signature. */
export function parseCertificate(wire: Buffer): Certificate | null {
  const reader = new WireReader(wire);
  const type = reader.text();
  const keyType = plainType(type ?? '');
  const count = KEY_FIELDS[keyType];
  if (type === null || count === undefined || keyType === type) return null;
  reader.bytes(); // a random number, against collisions of hashes
  const fields = Array.from({ length: count }, () => reader.bytes());
  reader.uint64(); // serial number
  const kind = reader.uint32();
  reader.bytes(); // name for logs
  const principals = names(reader.bytes(), 1);
  const validAfter = reader.uint64();
  const validBefore = reader.uint64();
  const criticalOptions = names(reader.bytes(), 2);
  reader.bytes(); // extensions: what is allowed besides
  reader.bytes(); // reserved
  const authority = reader.bytes();
  const signedLength = reader.position;
  const signature = new WireReader(reader.bytes() ?? Buffer.alloc(0));
  const signatureType = signature.text();
  const signatureBytes = signature.bytes();
  if (kind === null || principals === null || validAfter === null || validBefore === null) return null;
  if (criticalOptions === null || authority === null || !reader.isAtEnd) return null;
  if (signatureType === null || signatureBytes === null) return null;
  return {
    wire,
    type,
    publicKey: Buffer.concat([keyType, ...fields].map((field) => wireField(field ?? ''))),
    isForHost: kind === FOR_HOST,
    principals,
    validAfter,
    validBefore,
    criticalOptions,
    authority,
    signedPart: wire.subarray(0, signedLength),
    signature: { type: signatureType, bytes: signatureBytes },
  };
}

/** A certificate of a line `type base64 comment`. */
export function parseCertificateLine(text: string): Certificate | null {
  const [, base64] = /^\s*\S+-cert-v01@openssh\.com\s+([A-Za-z0-9+/=]+)/.exec(text) ?? [];
  return base64 === undefined ? null : parseCertificate(Buffer.from(base64, 'base64'));
}

/** The type of the key that a certificate type certifies; other types stay. */
export function plainType(type: string): string {
  return type.endsWith(SUFFIX) ? type.slice(0, -SUFFIX.length) : type;
}

/** Type of the certificates for keys of a type. */
export function certificateType(keyType: string): string {
  return `${keyType}${SUFFIX}`;
}

/** Why a certificate is not good at this time; null when it is. */
export function timeTrouble(certificate: Certificate, now = new Date()): string | null {
  const seconds = BigInt(Math.floor(now.getTime() / 1000));
  if (seconds < certificate.validAfter) return `is not valid before ${dateOf(certificate.validAfter)}`;
  return seconds >= certificate.validBefore ? `expired on ${dateOf(certificate.validBefore)}` : null;
}

function dateOf(seconds: bigint): string {
  return new Date(Number(seconds) * 1000)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC');
}

/** Every `step`th field of a list of fields; null when it is cut short. */
function names(list: Buffer | null, step: number): string[] | null {
  if (list === null) return null;
  const reader = new WireReader(list);
  const found: string[] = [];
  for (let index = 0; !reader.isAtEnd; index += 1) {
    const field = reader.text();
    if (field === null) return null;
    if (index % step === 0) found.push(field);
  }
  return found;
}
