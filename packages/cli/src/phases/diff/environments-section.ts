import type { EnvironmentKind } from '@mlxfleet/protocol';
import type { HostFacts } from '../../facts/facts.ts';
import { lockName, type Payload } from '../../release/payload.ts';
import type { DesiredEnvironment } from '../desired-host.ts';
import type { HostPlan } from '../deploy-state.ts';
import { compareByName, type DiffEntry, type DiffLine, entry } from './plan-section.ts';

const PACKAGE = /^([A-Za-z0-9][\w.-]*==[^\s;\\]*)/gm;

/** Environments that are built or linked otherwise, and programs that are installed. What is reused is not listed. */
export function environmentEntries(plan: HostPlan, payload: Payload, facts: HostFacts): DiffEntry[] {
  const { changes, desired, environments } = plan;
  const entries: DiffEntry[] = [];
  const built = new Set<EnvironmentKind>();
  for (const change of changes) {
    if (change.kind === 'install-runtime')
      entries.push(entry('+', `runtime/${change.name}-${change.version}`));
    const environment = desired.environments.find(
      ({ kind }) => change.kind === 'build-environment' && change.environment === kind,
    );
    if (change.kind !== 'build-environment' || environment === undefined) continue;
    built.add(change.environment);
    entries.push(builtEntry(plan, environment, change.name, payload, facts));
  }
  const isLinked = changes.some(({ kind }) => kind === 'switch' || kind === 'link-environments');
  if (!isLinked) return entries;
  for (const kind of ['text', 'vision'] as const) {
    const before = linkedName(facts, kind);
    const after = environments.get(kind) ?? null;
    if (before === after || built.has(kind)) continue;
    if (after === null) entries.push(entry('-', `${kind}: envs/${before ?? ''} is not used any more`));
    else if (before === null) entries.push(entry('+', `${kind}: envs/${after}, built already`));
    else entries.push(entry('~', `${kind}: envs/${before} -> envs/${after}, built already`));
  }
  return entries;
}

function linkedName(facts: HostFacts, kind: EnvironmentKind): string | null {
  return (kind === 'text' ? facts.current?.textEnvironment : facts.current?.visionEnvironment) ?? null;
}

function builtEntry(
  { desired }: HostPlan,
  { kind }: DesiredEnvironment,
  name: string,
  payload: Payload,
  facts: HostFacts,
): DiffEntry {
  const lock = lockName(kind, desired.platform);
  const packages = [...(payload.locks.get(lock) ?? '').matchAll(PACKAGE)].map((match) => match[1] ?? '');
  const counted = `${String(packages.length)} ${packages.length === 1 ? 'package' : 'packages'}`;
  const details: DiffLine[] = [];
  const { path, version } = desired.python;
  if (path === null) details.push({ sign: null, text: `no fitting Python there: uv installs ${version}` });
  const linked = facts.environments.find((environment) => environment.name === linkedName(facts, kind));
  if (linked !== undefined) {
    if (linked.name !== name) details.push({ sign: null, text: `in place of envs/${linked.name}` });
    if (linked.python !== version) details.push({ sign: '~', text: `Python ${linked.python} -> ${version}` });
    // What was locked for the current release tells what is in its environment only when that was built from it.
    const isOfLock = facts.details?.files.get(`locks/${lock}.txt`) === linked.lockSha256;
    const before = facts.details?.packages.get(lock);
    if (isOfLock && before !== undefined) details.push(...packageLines(before, packages));
  }
  return entry('+', `envs/${name} (${counted}, Python ${version})`, details);
}

function versionsOf(packages: readonly string[]): Map<string, string> {
  return new Map(
    packages.map((locked) => {
      const [name = '', version = ''] = locked.split('==');
      return [name, version];
    }),
  );
}

function packageLines(before: readonly string[], after: readonly string[]): DiffLine[] {
  const [old, young] = [versionsOf(before), versionsOf(after)];
  return compareByName(old, young).map(({ sign, name }) => {
    if (sign === '~') return { sign, text: `${name} ${old.get(name) ?? ''} -> ${young.get(name) ?? ''}` };
    return { sign, text: `${name} ${(sign === '+' ? young : old).get(name) ?? ''}` };
  });
}
