import { randomBytes, verify } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { certificateType, type Certificate, parseCertificate, timeTrouble } from './certificate.ts';
import { parsePublicKey } from './key-file.ts';
import type { KnownKey } from './known-hosts.ts';
import { WireReader, wireField } from './wire.ts';

const KEXINIT = 20;
const KEX_ECDH_INIT = 30;
const KEX_ECDH_REPLY = 31;

/** The server shows its certificate at once or not at all: 5 s. */
const FETCH_LIMIT_MS = 5000;

/**
 * The certificate that a server has for its key of a type, as ssh-keyscan asks for it; null when it has none. ssh2 does
 * not take part in a handshake with certificates. It need not: a certificate is public, and that the server has the
 * certified key is what the handshake with the bare key proves.
 * @param stream a fresh connection to the server, which is closed afterwards.
 */
export async function fetchHostCertificate(stream: Duplex, keyType: string): Promise<Certificate | null> {
  const timer = setTimeout(() => stream.destroy(), FETCH_LIMIT_MS);
  try {
    stream.write(Buffer.concat([Buffer.from('SSH-2.0-mlxfleet\r\n'), packet(proposal(keyType))]));
    for await (const payload of packets(stream)) {
      // Nothing is encrypted with it, so nobody needs the private half.
      if (payload[0] === KEXINIT) {
        stream.write(packet(Buffer.concat([Buffer.from([KEX_ECDH_INIT]), wireField(randomBytes(32))])));
      }
      if (payload[0] === KEX_ECDH_REPLY) {
        return parseCertificate(new WireReader(payload.subarray(1)).bytes() ?? Buffer.alloc(0));
      }
    }
    return null;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
    stream.destroy();
  }
}

/** What is offered to a server so that it shows the certificate: SSH_MSG_KEXINIT of RFC 4253, section 7.1. */
function proposal(keyType: string): Buffer {
  const signatureTypes = keyType === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [keyType];
  const ciphers = 'aes128-ctr,aes256-ctr,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com';
  const codes = 'hmac-sha2-256,hmac-sha2-512,hmac-sha2-256-etm@openssh.com';
  const lists = [
    'curve25519-sha256,curve25519-sha256@libssh.org',
    signatureTypes.map(certificateType).join(','),
    ciphers,
    ciphers,
    codes,
    codes,
    'none',
    'none',
    '',
    '',
  ];
  return Buffer.concat([
    Buffer.from([KEXINIT]),
    randomBytes(16),
    ...lists.map(wireField),
    // No guess follows; four bytes are reserved.
    Buffer.alloc(5),
  ]);
}

/** A payload as an unencrypted packet: RFC 4253, section 6. */
function packet(payload: Buffer): Buffer {
  // At least four bytes, up to a multiple of eight with the two numbers before.
  const padding = 4 + ((15 - ((payload.length + 8) % 8)) % 8);
  return wireField(Buffer.concat([Buffer.from([padding]), payload, Buffer.alloc(padding)]));
}

/** The payloads that a server sends after it has said who it is. */
async function* packets(stream: Duplex): AsyncGenerator<Buffer> {
  let received = Buffer.alloc(0);
  let isIdentified = false;
  for await (const chunk of stream) {
    received = Buffer.concat([received, chunk]);
    // Other lines may come first.
    for (let end = received.indexOf('\n'); !isIdentified && end >= 0; end = received.indexOf('\n')) {
      isIdentified = received.toString('latin1', 0, 4) === 'SSH-';
      received = received.subarray(end + 1);
    }
    if (!isIdentified) continue;
    for (let body = firstField(received); body !== null; body = firstField(received)) {
      received = received.subarray(4 + body.length);
      yield body.subarray(1, body.length - (body[0] ?? 0));
    }
  }
}

function firstField(bytes: Buffer): Buffer | null {
  return new WireReader(bytes).bytes();
}

/**
 * What is wrong with the certificate of a host, for people, in words that follow "the certificate"; null when it vouches
 * for the key that the host shows.
 * @param name the host's name as known_hosts has it, without a port.
 */
export function certificateTrouble(
  certificate: Certificate,
  offered: Buffer,
  name: string,
  known: readonly KnownKey[],
): string | null {
  const isOf = (marker: KnownKey['marker']): boolean =>
    known.some((entry) => entry.marker === marker && entry.key.equals(certificate.authority));
  if (!isOf('cert-authority')) return 'is of another authority';
  if (isOf('revoked')) return 'is of an authority that is revoked';
  if (!hasSigned(certificate)) return 'is not signed by its authority';
  if (!certificate.isForHost) return 'is for a user, not for a host';
  if (!certificate.publicKey.equals(offered)) return 'is for another key';
  const { principals, criticalOptions } = certificate;
  // As ssh does: a certificate without names is good for every host.
  if (principals.length > 0 && !principals.includes(name)) return `is for ${principals.join(', ')}`;
  if (criticalOptions.length > 0) return `has the unknown condition ${criticalOptions.join(', ')}`;
  return timeTrouble(certificate);
}

const ECDSA: Readonly<Record<string, readonly [hash: string, bytes: number]>> = {
  'ecdsa-sha2-nistp256': ['sha256', 32],
  'ecdsa-sha2-nistp384': ['sha384', 48],
  'ecdsa-sha2-nistp521': ['sha512', 66],
};

/** Whether the authority's signature is right. SHA-1 is not taken, as ssh does not. */
function hasSigned({ authority, signature, signedPart }: Certificate): boolean {
  const key = parsePublicKey(authority);
  if (key === null) return false;
  const pem = key.getPublicPEM();
  const { type, bytes } = signature;
  if (type === 'ssh-ed25519' && key.type === type) return verify(null, signedPart, pem, bytes);
  if (key.type === 'ssh-rsa' && type === 'rsa-sha2-256') return verify('sha256', signedPart, pem, bytes);
  if (key.type === 'ssh-rsa' && type === 'rsa-sha2-512') return verify('sha512', signedPart, pem, bytes);
  const [hash, length] = ECDSA[type] ?? [];
  if (hash === undefined || length === undefined || key.type !== type) return false;
  const reader = new WireReader(bytes);
  const numbers = [reader.bytes(), reader.bytes()].map((number) => fixedLength(number, length));
  return verify(hash, signedPart, { key: pem, dsaEncoding: 'ieee-p1363' }, Buffer.concat(numbers));
}

/** A number without its sign byte, filled up with zeros in front. */
function fixedLength(number: Buffer | null, length: number): Buffer {
  const digits = Buffer.from(number ?? '').subarray(-length);
  return Buffer.concat([Buffer.alloc(length - digits.length), digits]);
}
