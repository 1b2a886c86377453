import { access } from 'node:fs/promises';
import { runSshTool } from './ssh-tool.ts';

/** One line of a known_hosts file that speaks of a host. */
export interface KnownKey {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly marker: 'revoked' | 'cert-authority' | null;
  /** For example `ssh-ed25519`. */
  readonly type: string;
  readonly key: Buffer;
}

/** What the known_hosts files say about the key that a host shows. */
export type HostKeyVerdict =
  | { readonly kind: 'known' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'revoked'; readonly by: KnownKey }
  | { readonly kind: 'changed'; readonly known: readonly KnownKey[] }
  /** The key is not known, and an authority is trusted for the host; `otherwise` holds where it has no certificate. */
  | {
      readonly kind: 'by-certificate';
      readonly by: KnownKey;
      readonly otherwise: Extract<HostKeyVerdict, { kind: 'changed' | 'unknown' }>;
    };

/** The name under which known_hosts lists a host: `[name]:port` unless the port is 22. */
export function knownHostsName(hostname: string, port: number): string {
  const name = hostname.toLowerCase();
  return port === 22 ? name : `[${name}]:${String(port)}`;
}

/**
 * Every line about a host in the files that exist. `ssh-keygen -F` does the matching, so hashed names, patterns and
 * negations mean here what they mean to ssh.
 */
export async function findKnownKeys(
  name: string,
  files: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<KnownKey[]> {
  const found = await Promise.all(
    files.map(async (file) => {
      const readable = await access(file).then(
        () => true,
        () => false,
      );
      if (!readable) return [];
      // The option and its value are one word: a name that begins with a dash stays a name.
      const { stdout } = await runSshTool('ssh-keygen', [`-F${name}`, '-f', file], env);
      return parseKnownKeys(stdout, file);
    }),
  );
  return found.flat();
}

/** Reads what `ssh-keygen -F` prints: a comment with the line's number, then the line. */
function parseKnownKeys(text: string, file: string): KnownKey[] {
  const keys: KnownKey[] = [];
  let line = 0;
  for (const row of text.split('\n')) {
    const [, number] = /^# Host .* found: line (\d+)/.exec(row) ?? [];
    if (number !== undefined) {
      line = Number(number);
      continue;
    }
    const [, marker, type, key] = /^(?:@(\S+)\s+)?\S+\s+(\S+)\s+([A-Za-z0-9+/=]+)(?:\s|$)/.exec(row) ?? [];
    if (row.startsWith('#') || type === undefined || key === undefined) continue;
    keys.push({ file, line, marker: markerOf(marker), type, key: Buffer.from(key, 'base64') });
  }
  return keys;
}

function markerOf(text: string | undefined): KnownKey['marker'] {
  return text === 'revoked' || text === 'cert-authority' ? text : null;
}

/**
 * Judges the key that a host shows. Stricter than ssh in one point: a key of another type than the known ones counts as
 * changed, since otherwise somebody in between need only avoid the known types.
 */
export function judgeHostKey(offered: Buffer, known: readonly KnownKey[]): HostKeyVerdict {
  const revoked = known.find((entry) => entry.marker === 'revoked' && entry.key.equals(offered));
  if (revoked !== undefined) return { kind: 'revoked', by: revoked };
  const plain = known.filter((entry) => entry.marker === null);
  if (plain.some((entry) => entry.key.equals(offered))) return { kind: 'known' };
  const authority = known.find((entry) => entry.marker === 'cert-authority');
  const otherwise =
    plain.length > 0 ? ({ kind: 'changed', known: plain } as const) : ({ kind: 'unknown' } as const);
  return authority === undefined ? otherwise : { kind: 'by-certificate', by: authority, otherwise };
}

/** ssh2's host key algorithms, in its order of preference. */
const HOST_KEY_ALGORITHMS = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;

export type HostKeyAlgorithm = (typeof HOST_KEY_ALGORITHMS)[number];

/** The algorithms to offer: those of known keys first, so that a host with several keys shows the one that is known. */
export function hostKeyAlgorithms(known: readonly KnownKey[]): HostKeyAlgorithm[] {
  const types = new Set(known.filter((entry) => entry.marker === null).map((entry) => entry.type));
  const isKnown = (algorithm: HostKeyAlgorithm): boolean =>
    types.has(algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm);
  return [
    ...HOST_KEY_ALGORITHMS.filter(isKnown),
    ...HOST_KEY_ALGORITHMS.filter((algorithm) => !isKnown(algorithm)),
  ];
}
