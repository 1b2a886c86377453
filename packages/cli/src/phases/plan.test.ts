import { describe, expect, test } from 'vitest';
import type { Payload } from '../release/payload.ts';
import { RUNTIME_VERSIONS } from '../release/runtime-table.ts';
import { IDLE_AGENT } from '../agent-client/testing/idle-agent.ts';
import { sshHostNamed } from '../ssh/testing/ssh-host-named.ts';
import { type DesiredHost, desiredHost, heldRelease } from './desired-host.ts';
import { Secret } from '../config/secret.ts';
import { type HostFacts, parseFacts } from '../facts/facts.ts';
import { describeChange } from './testing/describe-change.ts';
import { chooseEnvironments, neededBytes, plan } from './plan.ts';

const payload: Payload = {
  version: '1.0.0',
  files: [],
  runtime: RUNTIME_VERSIONS,
  contentHash: 'f'.repeat(64),
  locks: new Map([
    ['text-macos-arm64', 'mlx==1\n'],
    ['vision-macos-arm64', 'mlx-vlm==1\n'],
  ]),
};
const settings = sshHostNamed('air');
const SYSTEM = {
  fact: 'system',
  os: 'Darwin',
  arch: 'arm64',
  cpu: null,
  model: null,
  ramBytes: 1,
  osVersion: null,
  root: '/r',
  rootExists: true,
  freeBytes: 1,
};
const PYTHON = { fact: 'python', path: '/opt/homebrew/bin/python3.12', version: '3.12' };
const ID = '20261123T040000Z-3f9ac2e1';

const bare = parseFacts([SYSTEM, PYTHON]);
const desired = desiredHost(settings, payload, bare);

/** Facts of a host after the plan for it was carried out: what makes plans idempotent. */
function applied(want: DesiredHost, id: string, changes: Partial<HostFacts> = {}): HostFacts {
  const environments = chooseEnvironments(want, bare, '');
  return {
    ...bare,
    releases: [
      {
        fact: 'release',
        id,
        state: 'good',
        version: '1.0.0',
        contentHash: want.contentHash,
        createdAt: null,
        deployedAt: null,
        deployedBy: null,
        order: 1,
        current: true,
        present: true,
        intact: true,
      },
    ],
    current: {
      fact: 'current',
      id,
      version: '1.0.0',
      contentHash: want.contentHash,
      state: 'good',
      textEnvironment: environments.get('text') ?? null,
      visionEnvironment: environments.get('vision') ?? null,
    },
    environments: want.environments.map(({ name, lockSha256 }) => ({
      fact: 'environment',
      name,
      lockSha256,
      python: '3.12',
    })),
    runtimes: [`node-${want.runtime.node}`, `uv-${want.runtime.uv}`],
    configuration: {
      fact: 'configuration',
      configSha256: want.configSha256,
      environmentSha256: want.environmentSha256,
    },
    service: {
      fact: 'service',
      kind: 'detached',
      state: 'running',
      supervisorPid: 1,
      agentPid: 2,
      agentElapsed: '00:10',
    },
    admin: admin(id),
    ...changes,
  };
}

/** Only the fields that a plan looks at. */
function admin(release: string): HostFacts['admin'] {
  const line = JSON.stringify({ ...IDLE_AGENT, release });
  return parseFacts([{ fact: 'admin', status: line }]).admin;
}

function planned(want: DesiredHost, facts: HostFacts, id = ID, suffix = ''): string[] {
  return plan(want, facts, id, chooseEnvironments(want, facts, suffix)).map((change) =>
    describeChange(change),
  );
}

describe('plan', () => {
  test('of a bare host is everything', () => {
    const [text] = desired.environments;
    expect(planned(desired, bare)).toEqual([
      'install node 26.10.0',
      'install uv 0.13.9',
      `stage release ${ID}`,
      `build the text environment ${text?.name ?? ''}`,
      'write shared/config.yaml',
      `start with ${ID}`,
    ]);
  });

  test('of a host that is as it should be is empty', () => {
    expect(planned(desired, applied(desired, ID))).toEqual([]);
    const vision = desiredHost({ ...settings, vision: true }, payload, bare);
    expect(planned(vision, applied(vision, ID))).toEqual([]);
    // What its worker imports, so that a broken environment is told before the switch.
    expect(vision.environments.map(({ kind, imports }) => [kind, imports])).toEqual([
      ['text', 'mlx.core, mlx_lm'],
      ['vision', 'mlx.core, mlx_vlm, mlx_lm, PIL, pypdfium2'],
    ]);
  });

  test('of another release with the same packages switches and builds nothing', () => {
    expect(planned(desired, applied(desired, 'old'))).toEqual([
      `stage release ${ID}`,
      `switch from old to ${ID}`,
    ]);
  });

  test('of a changed configuration writes it and no more', () => {
    const other = desiredHost(
      { ...settings, agentConfig: { ...settings.agentConfig, queue_depth: 7 } },
      payload,
      bare,
    );
    expect(planned(other, applied(desired, ID))).toEqual(['write shared/config.yaml']);
    const variables = desiredHost({ ...settings, env: { HF_HOME: '/models' } }, payload, bare);
    expect(planned(variables, applied(desired, ID))).toEqual(['write shared/config.yaml']);
  });

  test('a secret of the environment goes to environment.json and nowhere else', () => {
    const want = desiredHost({ ...settings, env: { HF_TOKEN: new Secret('hf_123') } }, payload, bare);
    expect(want.environmentText).toBe('{"HF_TOKEN":"hf_123"}\n');
    expect(want.configText).not.toContain('hf_123');
  });

  test('of a release that an earlier deploy switched to and never judged judges it', () => {
    const facts = applied(desired, ID);
    const current = facts.current === null ? null : { ...facts.current, state: 'staged' };
    expect(planned(desired, { ...facts, current })).toEqual([
      `judge ${ID}, which an earlier deploy did not finish`,
    ]);
  });

  test.each([
    ['it is stopped', { service: null }],
    ['it does not answer', { admin: null }],
    ['it still runs other', { admin: admin('other') }],
  ])('of an agent that does not serve restarts it: %s', (reason, change) => {
    expect(planned(desired, applied(desired, ID, change))).toEqual([`restart the agent: ${reason}`]);
  });

  test('keeps the environment that the release uses, and builds another when asked for a clean one', () => {
    const facts = applied(desired, ID);
    const [text] = desired.environments;
    const renewed = `${text?.name ?? ''}-0badcafe`;
    const current = facts.current === null ? null : { ...facts.current, textEnvironment: renewed };
    const environments = [
      ...facts.environments,
      ...facts.environments.map((one) => ({ ...one, name: renewed })),
    ];
    expect(planned(desired, { ...facts, current, environments })).toEqual([]);
    expect(planned(desired, facts, ID, '-cafe0bad')).toEqual([
      `build the text environment ${text?.name ?? ''}-cafe0bad`,
      'use other environments',
    ]);
  });

  test('needs room for what it installs', () => {
    const gibibyte = 1024 ** 3;
    const vision = desiredHost({ ...settings, vision: true }, payload, bare);
    const all = plan(vision, bare, ID, chooseEnvironments(vision, bare, ''));
    expect(neededBytes(all)).toBeGreaterThan(2 * gibibyte);
    expect(neededBytes([])).toBe(0);
  });
});

describe('desiredHost', () => {
  test('names an environment by its packages, Python and platform', () => {
    const other = desiredHost(settings, payload, parseFacts([SYSTEM, { ...PYTHON, version: '3.11' }]));
    expect(other.environments[0]?.name).toMatch(/^text-[0-9a-f]{12}$/);
    expect(other.environments[0]?.name).not.toBe(desired.environments[0]?.name);
  });

  test('a home folder with other characters than ASCII is refused before anything is done', () => {
    const facts = parseFacts([{ ...SYSTEM, root: '/home/zoë/.mlxfleet' }, PYTHON]);
    expect(() => desiredHost(settings, payload, facts)).toThrow(
      'the root is /home/zoë/.mlxfleet on the host',
    );
  });

  test('lets uv install Python where none fits', () => {
    expect(desiredHost(settings, payload, parseFacts([SYSTEM])).python).toEqual({
      path: null,
      version: '3.12',
    });
  });
});

describe('heldRelease', () => {
  test('prefers the current one, and takes none whose files were changed', () => {
    const [release] = applied(desired, 'b').releases;
    if (release === undefined) throw new Error('no release');
    const held = (...releases: HostFacts['releases']): string | null =>
      heldRelease(desired.contentHash, { ...bare, releases });
    const newer = { ...release, id: 'c', current: false, order: 9 };
    expect(held(newer, release)).toBe('b');
    expect(held(newer)).toBe('c');
    expect(held({ ...newer, intact: false })).toBeNull();
    expect(held({ ...newer, contentHash: 'other' })).toBeNull();
    expect(held({ ...newer, present: false })).toBeNull();
  });
});

test('facts of another version are read as far as they are understood', () => {
  const facts = parseFacts([
    { fact: 'weather' },
    { fact: 'runtime', name: 'node-1', more: 2 },
    { fact: 'python' },
    7,
  ]);
  expect(facts.runtimes).toEqual(['node-1']);
  expect(facts.python).toBeNull();
});
