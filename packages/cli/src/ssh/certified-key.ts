// oxlint-disable no-underscore-dangle -- the parts of ssh2 that have to be reached are named so
import type { Client, ParsedKey } from 'ssh2';
import type { Certificate } from './certificate.ts';
import { plainType } from './certificate.ts';
import type { RingKey } from './key-ring.ts';
import { WireReader, wireField } from './wire.ts';

/** ssh2 knows no certificates; these are the parts of it that make it offer one. */
interface AuthProtocol {
  authPK(username: string, key: ParsedKey, algorithm?: string | Sign, sign?: Sign): void;
  readonly _kex: { readonly sessionID: Buffer };
  readonly _authsQueue: string[];
  readonly _cipher: { encrypt(packet: Buffer): void };
  readonly _packetRW: {
    readonly write: {
      readonly allocStart: number;
      alloc(bytes: number): Buffer;
      finalize(packet: Buffer): Buffer;
    };
  };
}

type Sign = (data: Buffer, done: (signature: Buffer) => void) => void;

const USERAUTH_REQUEST = 50;

/** A key of the ring together with its certificate: a host that trusts the authority needs no key of this one. */
export function certifiedKey(certificate: Certificate, origin: string, key: RingKey): RingKey {
  // ssh2 takes only its own keys, so this is one of them with another public half.
  const publicKey: ParsedKey = Object.create(key.publicKey, {
    type: { value: certificate.type },
    getPublicSSH: { value: () => certificate.wire },
  });
  const isRsa = plainType(certificate.type) === 'ssh-rsa';
  return { origin, publicKey, sign: async (data) => key.sign(data, isRsa ? 'sha512' : undefined) };
}

/** Makes a client that was told to connect able to log in with certificates. */
export function supportCertificates(client: Client): void {
  const protocol = protocolOf(client);
  const authPK = protocol.authPK.bind(protocol);
  protocol.authPK = (username, key, algorithm, sign) => {
    if (plainType(key.type) === key.type) authPK(username, key, algorithm, sign);
    else offer(protocol, username, key, typeof algorithm === 'function' ? algorithm : sign);
  };
}

function protocolOf(client: Client): AuthProtocol {
  if ('_protocol' in client && canAuthenticate(client._protocol)) return client._protocol;
  throw new TypeError('this ssh2 is not the one that certificates were made for');
}

function canAuthenticate(value: unknown): value is AuthProtocol {
  return typeof value === 'object' && value !== null && '_cipher' in value && '_packetRW' in value;
}

/** Sends the certificate, with a signature when there is something to sign with, as RFC 4252 describes in section 7. */
function offer(protocol: AuthProtocol, username: string, key: ParsedKey, sign: Sign | undefined): void {
  const plain = plainType(key.type);
  const signatureType = plain === 'ssh-rsa' ? 'rsa-sha2-512' : plain;
  const algorithm = key.type.replace(plain, signatureType);
  const request = Buffer.concat([
    Buffer.from([USERAUTH_REQUEST]),
    wireField(username),
    wireField('ssh-connection'),
    wireField('publickey'),
    Buffer.from([sign === undefined ? 0 : 1]),
    wireField(algorithm),
    wireField(key.getPublicSSH()),
  ]);
  if (sign === undefined) {
    send(protocol, request);
    return;
  }
  sign(Buffer.concat([wireField(protocol._kex.sessionID), request]), (signature) => {
    const bytes = plain.startsWith('ecdsa-') ? ecdsaFields(signature) : signature;
    const signed = wireField(Buffer.concat([wireField(signatureType), wireField(bytes)]));
    send(protocol, Buffer.concat([request, signed]));
  });
}

function send(protocol: AuthProtocol, payload: Buffer): void {
  const { write } = protocol._packetRW;
  const packet = write.alloc(payload.length);
  packet.set(payload, write.allocStart);
  protocol._authsQueue.push('publickey');
  protocol._cipher.encrypt(write.finalize(packet));
}

/** Two numbers as ssh writes them; OpenSSL writes them in DER, agents as ssh does. */
function ecdsaFields(signature: Buffer): Buffer {
  const reader = new WireReader(signature);
  if (reader.bytes() !== null && reader.bytes() !== null && reader.isAtEnd) return signature;
  // SEQUENCE, whose length takes a second byte when it is above 127, of two INTEGERs.
  let position = (signature[1] ?? 0) > 127 ? 3 : 2;
  const number = (): Buffer => {
    const length = signature[position + 1] ?? 0;
    position += 2 + length;
    return signature.subarray(position - length, position);
  };
  return Buffer.concat([wireField(number()), wireField(number())]);
}
