import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';

/** A host that a person's ssh_config names. */
export interface SshConfigHost {
  /** As in `ssh alias`. */
  readonly alias: string;
  /** Value of HostName, where it stands under the alias itself. */
  readonly hostName: string | null;
}

/** As deep as ssh itself goes. */
const DEEPEST_INCLUDE = 16;

/** Words of a configuration line: keyword first, `=` allowed after it, quotes around words with spaces. */
function wordsOf(line: string): string[] {
  const text = line.trim().replace(/^(\w+)\s*=\s*/, '$1 ');
  if (text.startsWith('#')) return [];
  return [...text.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}

async function includedFiles(patterns: readonly string[], home: string): Promise<string[]> {
  const files: string[] = [];
  for (const pattern of patterns) {
    const expanded = pattern.replace(/^~(?=\/)/, home);
    const absolute = path.isAbsolute(expanded) ? expanded : path.join(home, '.ssh', expanded);
    for await (const file of glob(absolute)) files.push(file);
  }
  return files.toSorted();
}

async function readHosts(
  file: string,
  home: string,
  depth: number,
  found: Map<string, string | null>,
): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => '');
  let aliases: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword = '', ...values] = wordsOf(line);
    switch (keyword.toLowerCase()) {
      case 'host':
        // Patterns and exclusions are rules, not hosts.
        aliases = values.filter((value) => !/[*?!]/.test(value));
        for (const alias of aliases) if (!found.has(alias)) found.set(alias, null);
        break;
      case 'match':
        aliases = [];
        break;
      case 'hostname':
        for (const alias of aliases) found.set(alias, found.get(alias) ?? values[0] ?? null);
        break;
      case 'include':
        if (depth >= DEEPEST_INCLUDE) break;
        for (const included of await includedFiles(values, home)) {
          await readHosts(included, home, depth + 1, found);
        }
        break;
      default:
    }
  }
}

/** Code hosting is reached by ssh, but nobody serves models from it. */
const NOT_HOSTS = /(^|\.)(github\.com|gitlab\.com|bitbucket\.org|codeberg\.org|ssh\.dev\.azure\.com)$/i;

/** Hosts that `~/.ssh/config` and what it includes name one by one, in their order; none when there is no such file. */
export async function sshConfigHosts(home: string): Promise<SshConfigHost[]> {
  const found = new Map<string, string | null>();
  await readHosts(path.join(home, '.ssh', 'config'), home, 0, found);
  return [...found]
    .map(([alias, hostName]) => ({ alias, hostName }))
    .filter(({ alias, hostName }) => !NOT_HOSTS.test(alias) && !NOT_HOSTS.test(hostName ?? ''));
}
