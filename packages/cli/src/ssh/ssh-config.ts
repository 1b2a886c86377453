/** What ssh_config says about one host, as far as it matters here: the answer of `ssh -G`. */
export interface SshConfig {
  readonly hostname: string;
  readonly user: string;
  readonly port: number;
  /** 4 or 6 when only that family of addresses may be used; 0 for both. */
  readonly family: 0 | 4 | 6;
  /** As written: may begin with `~/` and hold `%` tokens. */
  readonly identityFiles: readonly string[];
  readonly certificateFiles: readonly string[];
  /** `none`, `SSH_AUTH_SOCK`, `$NAME` or a path; null when ssh_config says nothing. */
  readonly identityAgent: string | null;
  readonly identitiesOnly: boolean;
  readonly userKnownHosts: readonly string[];
  readonly globalKnownHosts: readonly string[];
  /** Name to look up in known_hosts instead of the host's. */
  readonly hostKeyAlias: string | null;
  /** Whether names in known_hosts are written as hashes. */
  readonly hashKnownHosts: boolean;
  readonly strictHostKeyChecking: 'yes' | 'ask' | 'accept-new' | 'no';
  readonly connectTimeoutSeconds: number | null;
  /** Hosts to go through, in their order, each `[user@]host[:port]` or an alias. */
  readonly jumps: readonly string[];
  readonly proxyCommand: string | null;
}

/** Reads the lines of `ssh -G`, whose values are unquoted; keys it does not know are skipped. */
export function parseSshConfig(text: string): SshConfig {
  const values = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, key, value] = /^(\S+) (.*?)\r?$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    const name = key.toLowerCase();
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  const list = (key: string): string[] => values.get(key) ?? [];
  const first = (key: string): string | null => values.get(key)?.[0] ?? null;
  const seconds = Number(unlessNone(first('connecttimeout')) ?? Number.NaN);
  return {
    hostname: first('hostname') ?? '',
    user: first('user') ?? '',
    port: Number(first('port') ?? 22),
    family: addressFamily(first('addressfamily')),
    identityFiles: list('identityfile').filter((file) => unlessNone(file) !== null),
    certificateFiles: list('certificatefile').filter((file) => unlessNone(file) !== null),
    identityAgent: first('identityagent'),
    identitiesOnly: isTrue(first('identitiesonly')),
    userKnownHosts: splitPaths(first('userknownhostsfile')),
    globalKnownHosts: splitPaths(first('globalknownhostsfile')),
    hostKeyAlias: unlessNone(first('hostkeyalias')),
    hashKnownHosts: isTrue(first('hashknownhosts')),
    strictHostKeyChecking: strictness(first('stricthostkeychecking')),
    connectTimeoutSeconds: Number.isFinite(seconds) && seconds > 0 ? seconds : null,
    jumps: splitJumps(unlessNone(first('proxyjump'))),
    proxyCommand: unlessNone(first('proxycommand')),
  };
}

/** The hosts of a ProxyJump value, in their order. */
export function splitJumps(value: string | null): string[] {
  return (value ?? '')
    .split(',')
    .map((jump) => jump.trim())
    .filter((jump) => jump !== '');
}

/** ssh prints several paths on one line without quotes; a part that does not begin a path belongs to the one before. */
function splitPaths(value: string | null): string[] {
  const paths: string[] = [];
  for (const part of (value ?? '').split(' ')) {
    const last = paths.at(-1);
    if (last === undefined || /^[/~%]/.test(part)) paths.push(part);
    else paths[paths.length - 1] = `${last} ${part}`;
  }
  return paths
    .map((path) => path.replaceAll('"', '').trim())
    .filter((path) => path !== '' && path !== 'none');
}

function unlessNone(value: string | null): string | null {
  return value === null || value === '' || value.toLowerCase() === 'none' ? null : value;
}

/** ssh prints some switches as yes and no, others as true and false. */
function isTrue(value: string | null): boolean {
  return value === 'yes' || value === 'true';
}

function strictness(value: string | null): SshConfig['strictHostKeyChecking'] {
  if (value === 'accept-new') return 'accept-new';
  if (isTrue(value)) return 'yes';
  return value === 'no' || value === 'off' || value === 'false' ? 'no' : 'ask';
}

function addressFamily(value: string | null): SshConfig['family'] {
  if (value === 'inet') return 4;
  return value === 'inet6' ? 6 : 0;
}
