import { agentConfigSchema } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type HostFacts, parseFacts } from '../../facts/facts.ts';
import { sha256 } from '../../release/hash-file.ts';
import { RUNTIME_VERSIONS } from '../../release/runtime-table.ts';
import { sshHostNamed } from '../../ssh/testing/ssh-host-named.ts';
import { type DesiredHost, desiredHost } from '../desired-host.ts';
import { configurationEntries, modelEntries } from './configuration-section.ts';

const SYSTEM = {
  fact: 'system',
  os: 'Darwin',
  arch: 'arm64',
  cpu: null,
  model: null,
  ramBytes: null,
  osVersion: null,
  root: '/r',
  rootExists: true,
  freeBytes: null,
};

function desiredWith(config: object, env: Record<string, string> = {}): DesiredHost {
  const settings = {
    ...sshHostNamed('air'),
    env,
    agentConfig: agentConfigSchema.parse({ version: 1, ...config }),
  };
  const payload = {
    version: '1.0.0',
    files: [],
    contentHash: 'f'.repeat(64),
    runtime: RUNTIME_VERSIONS,
    locks: new Map([['text-macos-arm64', '']]),
  };
  return desiredHost(settings, payload, parseFacts([SYSTEM]));
}

/** A host with this shared/config.yaml, and with these variables or without any file of them. */
function hostWith(config: string | null, variables: Record<string, string> | null = null): HostFacts {
  const hashes =
    variables && Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, sha256(value)]));
  return parseFacts([
    SYSTEM,
    {
      fact: 'configuration',
      configSha256: config === null ? null : sha256(config),
      environmentSha256: variables === null ? null : sha256(`${JSON.stringify(variables)}\n`),
    },
    { fact: 'content', files: null, config, variables: hashes },
  ]);
}

test('files that are not there are added, with the names in them', () => {
  const desired = desiredWith({ models: [{ id: 'a/small' }] }, { HF_HOME: '/models' });
  expect(configurationEntries(desired, hostWith(null))).toEqual([
    { sign: '+', text: 'shared/config.yaml', details: [] },
    { sign: '+', text: 'shared/environment.json', details: [{ sign: '+', text: 'HF_HOME' }] },
  ]);
  expect(modelEntries(desired, hostWith(null))).toEqual([{ sign: '+', text: 'a/small', details: [] }]);
});

test('a file that is as it should be is not mentioned', () => {
  const desired = desiredWith({ models: [{ id: 'a/small' }] }, { HF_HOME: '/models' });
  const facts = hostWith(desired.configText, { HF_HOME: '/models' });
  expect([configurationEntries(desired, facts), modelEntries(desired, facts)]).toEqual([[], []]);
});

test('of variables of workers the names are shown and no value', () => {
  const before = desiredWith({ env: { TOKEN: 'first-secret', GONE: 'second-secret' } });
  const after = desiredWith({ env: { TOKEN: 'third-secret' } });
  const entries = configurationEntries(after, hostWith(before.configText, {}));
  expect(entries[0]?.details).toEqual([
    { sign: null, text: 'env:' },
    { sign: '-', text: '  TOKEN: …' },
    { sign: '-', text: '  GONE: …' },
    { sign: '+', text: '  TOKEN: …' },
  ]);
});

test.each([
  ['with a setting that no version had', 'version: 1\npassword: hunter2\n'],
  ['that is no YAML', 'password: [hunter2\n'],
  ['that is empty', ''],
])('a file %s is replaced and not shown', (_what, text) => {
  const entries = configurationEntries(desiredWith({}), hostWith(text, {}));
  expect(entries).toEqual([
    { sign: '~', text: 'shared/config.yaml: replaces one that this version does not know', details: [] },
  ]);
});

test('a file that says the same otherwise is written anew, and says why', () => {
  const desired = desiredWith({});
  const facts = hostWith(`# by hand: hunter2\n${desired.configText}`, {});
  expect(configurationEntries(desired, facts)).toEqual([
    { sign: '~', text: 'shared/config.yaml: its form alone', details: [] },
  ]);
});

test('models are told apart from other settings, also when only their order changes', () => {
  const models = [{ id: 'b' }, { id: 'a', prefix_cache: { memory_bytes: 1024 } }];
  const before = desiredWith({ models });
  const turned = desiredWith({ models: models.toReversed() });
  expect(modelEntries(turned, hostWith(before.configText, {}))).toEqual([
    { sign: '~', text: 'their order', details: [] },
  ]);
  const changed = desiredWith({ models: [{ id: 'a', prefix_cache: { memory_bytes: 2048 } }] });
  expect(
    modelEntries(changed, hostWith(before.configText, {})).map(({ sign, text }) => `${sign ?? ''} ${text}`),
  ).toEqual(['~ a: prefix_cache.memory_bytes 1024 -> 2048', '- b']);
});

test('a file of an earlier version, which lacks a setting, shows the line that is new', () => {
  const desired = desiredWith({});
  const earlier = stringify({ version: 1, queue_depth: 50 });
  const [entry] = configurationEntries(desired, hostWith(earlier, {}));
  expect(entry?.details).toContainEqual({ sign: '+', text: 'max_batch_size: 64' });
  expect(entry?.details).not.toContainEqual({ sign: '-', text: 'queue_depth: 50' });
});
