import type { Change } from './change.ts';
import type { DesiredEnvironment, DesiredHost } from './desired-host.ts';
import type { HostFacts } from '../facts/facts.ts';

/** The environment folder of each kind that the host shall use: one that is there already, else the one to build. */
export function chooseEnvironments(
  desired: DesiredHost,
  facts: HostFacts,
  suffix: string,
): ReadonlyMap<DesiredEnvironment['kind'], string> {
  return new Map(
    desired.environments.map((environment) => {
      if (suffix !== '') return [environment.kind, `${environment.name}${suffix}`];
      const linked =
        environment.kind === 'text' ? facts.current?.textEnvironment : facts.current?.visionEnvironment;
      const fitting = facts.environments
        .filter(({ name }) => name === environment.name || name.startsWith(`${environment.name}-`))
        .filter(({ lockSha256 }) => lockSha256 === environment.lockSha256)
        .map(({ name }) => name);
      const chosen = fitting.find((name) => name === linked) ?? fitting.at(-1);
      return [environment.kind, chosen ?? freeName(environment.name, facts)];
    }),
  );
}

/** A folder that none is complete in: one whose mark names other packages is no environment to build on. */
function freeName(name: string, facts: HostFacts): string {
  const taken = new Set(facts.environments.map((environment) => environment.name));
  let free = name;
  for (let count = 2; taken.has(free); count += 1) free = `${name}-${String(count)}`;
  return free;
}

/**
 * Everything that has to change on a host so that it serves release `id` as desired; empty when it does. Pure: the same
 * facts give the same plan, for a dry run and for the deploy.
 */
export function plan(
  desired: DesiredHost,
  facts: HostFacts,
  id: string,
  environments: ReadonlyMap<DesiredEnvironment['kind'], string>,
): Change[] {
  const changes: Change[] = [];
  const hasRuntime = (name: string): boolean => facts.runtimes.includes(name);
  const missing = desired.environments.filter(({ kind }) =>
    facts.environments.every(({ name }) => name !== environments.get(kind)),
  );
  if (!hasRuntime(`node-${desired.runtime.node}`)) {
    changes.push({ kind: 'install-runtime', name: 'node', version: desired.runtime.node });
  }
  if (missing.length > 0 && !hasRuntime(`uv-${desired.runtime.uv}`)) {
    changes.push({ kind: 'install-runtime', name: 'uv', version: desired.runtime.uv });
  }
  if (facts.releases.every((release) => release.id !== id || !release.present)) {
    changes.push({ kind: 'stage-release', id });
  }
  for (const { kind } of missing) {
    changes.push({ kind: 'build-environment', environment: kind, name: environments.get(kind) ?? '' });
  }
  const { configuration, current } = facts;
  if (
    configuration?.configSha256 !== desired.configSha256 ||
    configuration.environmentSha256 !== desired.environmentSha256
  ) {
    changes.push({ kind: 'write-configuration' });
  }
  if (current?.id !== id) {
    changes.push({ kind: 'switch', from: current?.id ?? null, to: id });
  } else {
    if (
      current.textEnvironment !== (environments.get('text') ?? null) ||
      current.visionEnvironment !== (environments.get('vision') ?? null)
    ) {
      changes.push({ kind: 'link-environments' });
    }
    if (current.state !== 'good') changes.push({ kind: 'confirm', id });
  }
  // Every change so far ends in a restart. Without one, an agent that does not serve is a reason of its own.
  if (changes.length === 0) {
    const reason = notServing(facts, id);
    if (reason !== null) changes.push({ kind: 'restart-service', reason });
  }
  return changes;
}

function notServing(facts: HostFacts, id: string): string | null {
  if (facts.service?.state !== 'running') return 'it is stopped';
  if (facts.admin === null) return 'it does not answer';
  if (facts.admin.release !== null && facts.admin.release !== id)
    return `it still runs ${facts.admin.release}`;
  return null;
}

const STAGED = new Set<Change['kind']>(['install-runtime', 'stage-release', 'build-environment']);

/** Those changes that prepare beside the running release: all that `--only-stage` makes. */
export function stagingOf(changes: readonly Change[]): Change[] {
  return changes.filter(({ kind }) => STAGED.has(kind));
}

const MEBIBYTE = 1024 * 1024;

/** Bytes that a change takes on the host, roughly: what is sent, what it unpacks to, and what packages need. */
const NEEDED_BYTES = {
  node: 220 * MEBIBYTE,
  uv: 90 * MEBIBYTE,
  release: 10 * MEBIBYTE,
  text: 600 * MEBIBYTE,
  vision: 1800 * MEBIBYTE,
} as const;

/** Disk space that the plan needs on the host, in bytes. */
export function neededBytes(changes: readonly Change[]): number {
  let sum = 0;
  for (const change of changes) {
    if (change.kind === 'install-runtime') sum += NEEDED_BYTES[change.name];
    if (change.kind === 'stage-release') sum += NEEDED_BYTES.release;
    if (change.kind === 'build-environment') sum += NEEDED_BYTES[change.environment];
  }
  return sum;
}
