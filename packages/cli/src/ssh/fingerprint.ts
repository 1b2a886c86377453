import { createHash } from 'node:crypto';

/** `SHA256:…` of a public key in wire form, as OpenSSH shows it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replaceAll('=', '')}`;
}

/** Type of a public key in wire form, for example `ssh-ed25519`; empty when it is none. */
export function wireType(key: Buffer): string {
  if (key.length < 4) return '';
  const length = key.readUInt32BE(0);
  return length > 0 && length <= 64 ? key.toString('latin1', 4, 4 + length) : '';
}

/** Short name of a key type for people: ED25519, RSA, ECDSA. */
export function keyTypeName(type: string): string {
  if (type.startsWith('sk-')) return 'security key';
  if (type.includes('-cert-')) return 'certificate';
  if (type.startsWith('ecdsa-')) return 'ECDSA';
  return type.replace(/^ssh-/, '').replace('dss', 'DSA').toUpperCase();
}
