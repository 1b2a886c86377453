import path from 'node:path';

/** What `%` tokens and `~` in a path of ssh_config stand for. */
export interface PathTokens {
  readonly home: string;
  /** `%h`: the host's name after ssh_config. */
  readonly hostname: string;
  /** `%n`: the host as it was named. */
  readonly address: string;
  /** `%p`. */
  readonly port: number;
  /** `%r`: user on the host. */
  readonly remoteUser: string;
  /** `%u`: user on this machine. */
  readonly localUser: string;
}

/** `~` and `~/…` become the home folder; every other path stays. */
export function expandHome(file: string, home: string): string {
  return file === '~' || file.startsWith('~/') ? path.join(home, file.slice(1)) : file;
}

/** A path of ssh_config as a path of this machine; tokens that ssh does not document for paths stay as they are. */
export function expandPath(file: string, tokens: PathTokens): string {
  const values: Readonly<Record<string, string>> = {
    '%%': '%',
    '%d': tokens.home,
    '%h': tokens.hostname,
    '%n': tokens.address,
    '%p': String(tokens.port),
    '%r': tokens.remoteUser,
    '%u': tokens.localUser,
  };
  return expandHome(file, tokens.home).replaceAll(/%./g, (token) => values[token] ?? token);
}
