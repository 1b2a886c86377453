import { PYTHON_VERSIONS } from '@mlxfleet/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IDLE_AGENT } from '../agent-client/testing/idle-agent.ts';
import { type HostFacts, parseFacts, type ReleaseFact } from '../facts/facts.ts';
import type { Payload } from '../release/payload.ts';
import { RUNTIME_VERSIONS } from '../release/runtime-table.ts';
import { sshHostNamed } from '../ssh/testing/ssh-host-named.ts';
import type { Change } from './change.ts';
import { type DesiredHost, desiredHost, heldRelease } from './desired-host.ts';
import { chooseEnvironments, plan, stagingOf } from './plan.ts';

const SYSTEM = {
  fact: 'system',
  os: 'Linux',
  arch: 'x86_64',
  cpu: null,
  model: null,
  ramBytes: 1,
  osVersion: null,
  root: '/r',
  rootExists: true,
  freeBytes: 1,
};

/** Two versions of everything, so that a host often has what it should and often the other. */
const one = fc.constantFrom('a', 'b');
const CONTENTS: Readonly<Record<string, string>> = { a: 'a'.repeat(64), b: 'b'.repeat(64) };

/** What a deploy wants of a host. */
interface Wish {
  readonly content: string;
  readonly textLock: string;
  readonly visionLock: string;
  readonly python: string;
  readonly node: string;
  readonly vision: boolean;
  readonly queueDepth: number;
  readonly variable: string;
}

const wishes: fc.Arbitrary<Wish> = fc.record({
  content: one,
  textLock: one,
  visionLock: one,
  python: fc.constantFrom(...PYTHON_VERSIONS.slice(0, 2)),
  node: fc.constantFrom(RUNTIME_VERSIONS.node, '26.0.0'),
  vision: fc.boolean(),
  queueDepth: fc.constantFrom(7, 50),
  variable: one,
});

function desiredBy(wish: Wish): DesiredHost {
  const payload: Payload = {
    version: '1.0.0',
    files: [],
    runtime: { ...RUNTIME_VERSIONS, node: wish.node },
    contentHash: CONTENTS[wish.content] ?? '',
    locks: new Map([
      ['text-linux-x86_64', `mlx==${wish.textLock}\n`],
      ['vision-linux-x86_64', `mlx-vlm==${wish.visionLock}\n`],
    ]),
  };
  const settings = sshHostNamed('air');
  return desiredHost(
    {
      ...settings,
      vision: wish.vision,
      env: { NAME: wish.variable },
      agentConfig: { ...settings.agentConfig, queue_depth: wish.queueDepth },
    },
    payload,
    parseFacts([SYSTEM, { fact: 'python', path: '/usr/bin/python3', version: wish.python }]),
  );
}

/** Any state that a host can be in, made of what the wishes want of it: each part is there or not by itself. */
const hosts: fc.Arbitrary<HostFacts> = fc
  .array(wishes.map(desiredBy), { minLength: 1, maxLength: 3 })
  .chain((earlier) => {
    const environments = earlier.flatMap((desired) =>
      desired.environments.flatMap(({ name, lockSha256 }) => [
        { fact: 'environment' as const, name, lockSha256, python: desired.python.version },
        {
          fact: 'environment' as const,
          name: `${name}-0badcafe`,
          lockSha256,
          python: desired.python.version,
        },
        // What is left of one whose mark was damaged.
        { fact: 'environment' as const, name, lockSha256: '', python: '' },
      ]),
    );
    const names = environments.map(({ name }) => name);
    const nameOf = (kind: string): fc.Arbitrary<string | null> =>
      fc.option(fc.constantFrom('gone', ...names.filter((name) => name.startsWith(kind))));
    const ids = ['r1', 'r2', 'r3'];
    return fc
      .record({
        releases: fc.uniqueArray(
          fc.record({
            id: fc.constantFrom(...ids),
            content: one,
            state: fc.constantFrom<ReleaseFact['state']>('good', 'failed', 'staged'),
            order: fc.nat(9),
            present: fc.boolean(),
            intact: fc.constantFrom(true, true, false),
          }),
          { selector: ({ id }) => id },
        ),
        current: fc.option(fc.constantFrom(...ids)),
        text: nameOf('text'),
        vision: nameOf('vision'),
        environments: fc.uniqueArray(fc.constantFrom(...environments), { selector: ({ name }) => name }),
        runtimes: fc.subarray([
          `node-${RUNTIME_VERSIONS.node}`,
          'node-26.0.0',
          `uv-${RUNTIME_VERSIONS.uv}`,
          'uv-0',
        ]),
        config: fc.option(fc.constantFrom('other', ...earlier.map(({ configSha256 }) => configSha256))),
        variables: fc.option(
          fc.constantFrom('other', ...earlier.map(({ environmentSha256 }) => environmentSha256)),
        ),
        service: fc.option(fc.constantFrom('running' as const, 'stopped' as const)),
        answers: fc.option(fc.constantFrom('r1', 'other')),
      })
      .map(hostFacts);
  });

interface HostParts {
  readonly releases: readonly (Pick<ReleaseFact, 'id' | 'state' | 'order' | 'present' | 'intact'> & {
    readonly content: string;
  })[];
  readonly current: string | null;
  readonly text: string | null;
  readonly vision: string | null;
  readonly environments: HostFacts['environments'];
  readonly runtimes: HostFacts['runtimes'];
  readonly config: string | null;
  readonly variables: string | null;
  readonly service: 'running' | 'stopped' | null;
  readonly answers: string | null;
}

function hostFacts(parts: HostParts): HostFacts {
  const { current } = parts;
  const unknown = { fact: 'current' as const, version: null, contentHash: null };
  const state = parts.releases.find(({ id }) => id === current)?.state ?? null;
  const links = { textEnvironment: parts.text, visionEnvironment: parts.vision };
  return {
    ...parseFacts([SYSTEM]),
    releases: parts.releases.map(({ content, ...release }) =>
      releaseFact(release, CONTENTS[content] ?? '', release.id === current),
    ),
    current: current === null ? null : { ...unknown, id: current, state, ...links },
    environments: parts.environments,
    runtimes: parts.runtimes,
    configuration: {
      fact: 'configuration',
      configSha256: parts.config,
      environmentSha256: parts.variables,
    },
    ...serving(parts.service, parts.answers),
  };
}

function releaseFact(
  parts: Pick<ReleaseFact, 'id' | 'state' | 'order' | 'present' | 'intact'>,
  contentHash: string,
  current: boolean,
): ReleaseFact {
  const unknown = { version: null, createdAt: null, deployedAt: null, deployedBy: null };
  return { fact: 'release', ...unknown, contentHash, current, ...parts };
}

function serving(
  state: 'running' | 'stopped' | null,
  release: string | null,
): Pick<HostFacts, 'service' | 'admin'> {
  const service =
    state === null
      ? null
      : {
          fact: 'service' as const,
          kind: 'detached',
          state,
          supervisorPid: 1,
          agentPid: 2,
          agentElapsed: '1',
        };
  if (release === null) return { service, admin: null };
  const status = JSON.stringify({ ...IDLE_AGENT, release });
  return { service, admin: parseFacts([{ fact: 'admin', status }]).admin };
}

interface Planned {
  readonly id: string;
  readonly environments: ReturnType<typeof chooseEnvironments>;
  readonly changes: readonly Change[];
}

/** As planPhase does it. A release that has to be sent takes an id that the host does not have. */
function planned(desired: DesiredHost, facts: HostFacts): Planned {
  const id = heldRelease(desired.contentHash, facts) ?? 'new';
  const environments = chooseEnvironments(desired, facts, '');
  return { id, environments, changes: plan(desired, facts, id, environments) };
}

/** What a host is after these changes, and after nothing else; what staging alone leaves when nothing serves yet. */
function applied(facts: HostFacts, desired: DesiredHost, { id, environments, changes }: Planned): HostFacts {
  let after = facts;
  for (const change of changes) after = afterChange(after, desired, change, environments);
  // Whatever serves is switched to, started and judged in one go; only staging does nothing of that.
  if (changes.length === stagingOf(changes).length && facts.current?.id !== id) return after;
  if (changes.length === 0) return after;
  const known = after.releases.find((release) => release.id === id);
  const others = after.releases.filter((release) => release !== known);
  return {
    ...after,
    ...serving('running', id),
    releases: known === undefined ? others : [...others, { ...known, state: 'good', current: true }],
    current: after.current === null ? null : { ...after.current, state: 'good' },
  };
}

function afterChange(
  facts: HostFacts,
  desired: DesiredHost,
  change: Change,
  environments: Planned['environments'],
): HostFacts {
  const links = {
    textEnvironment: environments.get('text') ?? null,
    visionEnvironment: environments.get('vision') ?? null,
  };
  switch (change.kind) {
    case 'install-runtime':
      return { ...facts, runtimes: [...facts.runtimes, `${change.name}-${change.version}`] };
    case 'stage-release': {
      const staged = { id: change.id, state: 'staged' as const, order: 0, present: true, intact: true };
      const others = facts.releases.filter(({ id }) => id !== change.id);
      return { ...facts, releases: [...others, releaseFact(staged, desired.contentHash, false)] };
    }
    case 'build-environment': {
      const lockSha256 =
        desired.environments.find(({ kind }) => kind === change.environment)?.lockSha256 ?? '';
      const built = {
        fact: 'environment' as const,
        name: change.name,
        lockSha256,
        python: desired.python.version,
      };
      return {
        ...facts,
        environments: [...facts.environments.filter(({ name }) => name !== change.name), built],
      };
    }
    case 'write-configuration': {
      const { configSha256, environmentSha256 } = desired;
      return { ...facts, configuration: { fact: 'configuration', configSha256, environmentSha256 } };
    }
    case 'switch':
      return {
        ...facts,
        releases: facts.releases.map((release) => ({ ...release, current: release.id === change.to })),
        current: {
          fact: 'current',
          id: change.to,
          version: null,
          contentHash: null,
          state: 'staged',
          ...links,
        },
      };
    case 'link-environments':
      return { ...facts, current: facts.current === null ? null : { ...facts.current, ...links } };
    case 'confirm':
    case 'restart-service':
      return facts;
    default:
      return change satisfies never;
  }
}

/** Whether a host lacks what a change brings. */
function isNeeded(
  change: Change,
  facts: HostFacts,
  desired: DesiredHost,
  { id, environments }: Planned,
): boolean {
  switch (change.kind) {
    case 'install-runtime':
      return !facts.runtimes.includes(`${change.name}-${desired.runtime[change.name]}`);
    case 'stage-release':
      return facts.releases.every(
        (release) =>
          release.contentHash !== desired.contentHash || release.intact !== true || !release.present,
      );
    case 'build-environment': {
      const wanted = desired.environments.find(({ kind }) => kind === change.environment);
      return facts.environments.every(
        ({ name, lockSha256 }) => !name.startsWith(wanted?.name ?? '-') || lockSha256 !== wanted?.lockSha256,
      );
    }
    case 'write-configuration':
      return (
        facts.configuration?.configSha256 !== desired.configSha256 ||
        facts.configuration.environmentSha256 !== desired.environmentSha256
      );
    case 'switch':
      return facts.current?.id !== id && change.to === id;
    case 'link-environments':
      return (
        facts.current?.textEnvironment !== (environments.get('text') ?? null) ||
        facts.current.visionEnvironment !== (environments.get('vision') ?? null)
      );
    case 'confirm':
      return facts.current?.state !== 'good';
    case 'restart-service':
      return facts.service?.state !== 'running' || facts.admin === null || facts.admin.release !== id;
    default:
      return change satisfies never;
  }
}

const RUNS = { numRuns: 2000 };

describe('for any host and any wish, a plan', () => {
  const cases = fc.tuple(hosts, wishes.map(desiredBy));

  test('that was carried out leaves nothing to plan', () => {
    fc.assert(
      fc.property(cases, ([facts, desired]) => {
        const first = planned(desired, facts);
        const after = applied(facts, desired, first);
        const second = planned(desired, after);
        expect(second.changes).toEqual([]);
        expect(second.id).toBe(first.id);
        expect(second.environments).toEqual(first.environments);
      }),
      RUNS,
    );
  });

  test('of which only the staging was done leaves the rest to plan, and stages nothing again', () => {
    fc.assert(
      fc.property(cases, ([facts, desired]) => {
        const whole = planned(desired, facts);
        const staged = stagingOf(whole.changes);
        const after = staged.reduce(
          (each, change) => afterChange(each, desired, change, whole.environments),
          facts,
        );
        const rest = planned(desired, after);
        expect(stagingOf(rest.changes)).toEqual([]);
        expect(rest.id).toBe(whole.id);
        expect(rest.environments).toEqual(whole.environments);
      }),
      RUNS,
    );
  });

  test('is the same every time, and leaves its facts alone', () => {
    fc.assert(
      fc.property(cases, ([facts, desired]) => {
        const before = JSON.stringify(facts);
        expect(planned(desired, facts)).toEqual(planned(desired, facts));
        expect(JSON.stringify(facts)).toBe(before);
      }),
      RUNS,
    );
  });

  test('has no change that the host does not need, and none twice', () => {
    fc.assert(
      fc.property(cases, ([facts, desired]) => {
        const whole = planned(desired, facts);
        for (const change of whole.changes) {
          expect({ change, isNeeded: isNeeded(change, facts, desired, whole) }).toEqual({
            change,
            isNeeded: true,
          });
        }
        expect(new Set(whole.changes.map((change) => JSON.stringify(change))).size).toBe(
          whole.changes.length,
        );
        // uv is for building and nothing else.
        const kinds = new Set(
          whole.changes.map((change) => (change.kind === 'install-runtime' ? change.name : change.kind)),
        );
        expect(!kinds.has('uv') || kinds.has('build-environment')).toBe(true);
      }),
      RUNS,
    );
  });

  test('serves the environments that were asked for, made of what was locked', () => {
    fc.assert(
      fc.property(cases, ([facts, desired]) => {
        const whole = planned(desired, facts);
        const after = applied(facts, desired, whole);
        expect([...whole.environments.keys()]).toEqual(desired.environments.map(({ kind }) => kind));
        for (const { kind, lockSha256 } of desired.environments) {
          const name = whole.environments.get(kind);
          expect(after.environments.find((environment) => environment.name === name)?.lockSha256).toBe(
            lockSha256,
          );
        }
      }),
      RUNS,
    );
  });
});
