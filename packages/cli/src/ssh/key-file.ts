import { readFile } from 'node:fs/promises';
import ssh2, { type ParsedKey } from 'ssh2';
import { keyTypeName, wireType } from './fingerprint.ts';

/** What a file that ssh_config or the inventory names as identity turned out to be. */
export type KeyFile =
  | { readonly kind: 'missing'; readonly path: string }
  /** Only good for choosing a key of the agent: a public key, or an encrypted key beside it. */
  | { readonly kind: 'public'; readonly path: string; readonly publicKey: Buffer }
  | { readonly kind: 'private'; readonly path: string; readonly key: ParsedKey }
  /** `publicKey` is null for formats that encrypt it too. */
  | {
      readonly kind: 'encrypted';
      readonly path: string;
      readonly publicKey: Buffer | null;
      readonly text: string;
    }
  | { readonly kind: 'unusable'; readonly path: string; readonly reason: string };

/** Reads an identity file. Nothing of the key itself appears in a reason. */
export async function readKeyFile(path: string): Promise<KeyFile> {
  const text = await readText(path);
  const besides = await readText(`${path}.pub`);
  const publicKey = typeof besides === 'string' ? publicKeyOf(besides) : null;
  if (typeof text !== 'string') {
    if (text.code !== 'ENOENT') return { kind: 'unusable', path, reason: reasonOf(text) };
    return publicKey === null ? { kind: 'missing', path } : { kind: 'public', path, publicKey };
  }
  const itself = publicKeyOf(text);
  if (itself !== null) return { kind: 'public', path, publicKey: itself };
  const header = openSshHeader(text);
  const type = header === null ? '' : wireType(header.publicKey);
  if (type.startsWith('sk-')) {
    return { kind: 'unusable', path, reason: 'security keys (sk) work only through OpenSSH itself' };
  }
  if (header?.encrypted === true) return { kind: 'encrypted', path, publicKey: header.publicKey, text };
  if (/^(Proc-Type: 4,ENCRYPTED)/m.test(text)) return { kind: 'encrypted', path, publicKey, text };
  const key = ssh2.utils.parseKey(text);
  if (key instanceof Error) return { kind: 'unusable', path, reason: wordingOf(text, key) };
  return { kind: 'private', path, key };
}

/** The key, or null for a wrong passphrase. */
export function decryptKey(text: string, passphrase: string): ParsedKey | null {
  const key = ssh2.utils.parseKey(text, passphrase);
  return key instanceof Error ? null : key;
}

/** A key that ssh2 can use from its wire form; null for security keys and certificates. */
export function parsePublicKey(wire: Buffer): ParsedKey | null {
  const key = ssh2.utils.parseKey(wire);
  return key instanceof Error ? null : key;
}

async function readText(path: string): Promise<string | NodeJS.ErrnoException> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'EACCES' || error.code === 'EPERM') return 'may not be read';
  return error.code === 'EISDIR' ? 'is a folder' : `cannot be read (${error.code ?? error.message})`;
}

function wordingOf(text: string, error: Error): string {
  if (/^-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/.test(text)) {
    return 'is in PKCS#8 form; `ssh-keygen -p -f` writes it in the current one';
  }
  const [, type] = /Unsupported OpenSSH private key type: (\S+)/.exec(error.message) ?? [];
  if (type !== undefined) return `${keyTypeName(type)} keys are not supported`;
  return 'is not a private key, or it is damaged';
}

/** The key of a line `type base64 comment`. */
function publicKeyOf(text: string): Buffer | null {
  const [, type, base64] = /^\s*((?:ssh|ecdsa|sk)-\S+)\s+([A-Za-z0-9+/=]+)/.exec(text) ?? [];
  if (type === undefined || base64 === undefined) return null;
  const key = Buffer.from(base64, 'base64');
  return wireType(key) === type ? key : null;
}

/** The unencrypted head of OpenSSH's own format: magic, cipher, key derivation and its options, count, public key. */
function openSshHeader(text: string): { readonly encrypted: boolean; readonly publicKey: Buffer } | null {
  const [, base64] =
    /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END OPENSSH PRIVATE KEY-----/.exec(text) ?? [];
  if (base64 === undefined) return null;
  const data = Buffer.from(base64, 'base64');
  const magic = 'openssh-key-v1\0';
  if (data.toString('latin1', 0, magic.length) !== magic) return null;
  let position = magic.length;
  const field = (): Buffer | null => {
    if (position + 4 > data.length) return null;
    const end = position + 4 + data.readUInt32BE(position);
    if (end > data.length) return null;
    const value = data.subarray(position + 4, end);
    position = end;
    return value;
  };
  const cipher = field();
  field();
  field();
  position += 4;
  const publicKey = field();
  if (cipher === null || publicKey === null) return null;
  return { encrypted: cipher.toString('latin1') !== 'none', publicKey: Buffer.from(publicKey) };
}
