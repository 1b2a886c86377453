import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { fail, type Finding, ok, warn } from './finding.ts';

/** Absolute path of a program in PATH; null when there is none. */
async function findProgram(name: string, searchPath: string): Promise<string | null> {
  for (const folder of searchPath.split(path.delimiter)) {
    if (folder === '') continue;
    const candidate = path.join(folder, name);
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {
      // The next folder may have it.
    }
  }
  return null;
}

/** Programs of this machine that commands use, each with what it is for. */
const PROGRAMS = [
  { name: 'ssh', onlyForSsh: true, missing: 'Install the OpenSSH client: it resolves ~/.ssh/config.' },
  { name: 'ssh-keygen', onlyForSsh: true, missing: 'Install the OpenSSH client: it looks up known hosts.' },
  { name: 'tar', onlyForSsh: false, missing: 'Install tar: a deploy unpacks what it fetches.' },
] as const;

/** Without these a deploy still works where its cache holds what they would fetch. */
const FETCHERS = [
  { name: 'npm', missing: 'Install npm: the first deploy fetches Node for the hosts with it.' },
  {
    name: 'python3',
    missing: 'Install Python 3 with pip: the first deploy fetches uv for the hosts with it.',
  },
] as const;

/** What this machine needs for the fleet's hosts. */
export async function localFindings(searchPath: string, hasSshHosts: boolean): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { name, onlyForSsh, missing } of PROGRAMS) {
    if (onlyForSsh && !hasSshHosts) continue;
    const found = await findProgram(name, searchPath);
    findings.push(found === null ? fail(name, 'not found in PATH', missing) : ok(name, found));
  }
  for (const { name, missing } of FETCHERS) {
    const found = await findProgram(name, searchPath);
    findings.push(found === null ? warn(name, 'not found in PATH', missing) : ok(name, found));
  }
  return findings;
}
