import { isDeepStrictEqual } from 'node:util';
import { type AgentConfig, agentConfigSchema } from '@mlxfleet/protocol';
import { parse, stringify } from 'yaml';
import type { HostFacts } from '../../facts/facts.ts';
import { sha256 } from '../../release/hash-file.ts';
import type { DesiredHost } from '../desired-host.ts';
import { lineDiff } from './line-diff.ts';
import { compareByName, type DiffEntry, type DiffLine, entry } from './plan-section.ts';

/** What changes in the files that the agent reads when it starts; models have a section of their own. */
export function configurationEntries(desired: DesiredHost, facts: HostFacts): DiffEntry[] {
  const { configuration, details } = facts;
  const entries: DiffEntry[] = [];
  if (configuration?.configSha256 !== desired.configSha256) {
    entries.push(configEntry(desired.configText, details?.config ?? null));
  }
  if (configuration?.environmentSha256 !== desired.environmentSha256) {
    const names = variableLines(desired.environmentText, details?.variables ?? null);
    entries.push(
      entry(configuration?.environmentSha256 == null ? '+' : '~', 'shared/environment.json', names),
    );
  }
  return entries;
}

/** Models that the host is told of, or told otherwise. */
export function modelEntries(desired: DesiredHost, facts: HostFacts): DiffEntry[] {
  if (facts.configuration?.configSha256 === desired.configSha256) return [];
  const after = configOf(desired.configText)?.config.models ?? [];
  const before = configOf(facts.details?.config ?? '')?.config.models ?? [];
  const old = new Map(before.map((model) => [model.id, settingsOf(model)]));
  const young = new Map(after.map((model) => [model.id, settingsOf(model)]));
  const entries = compareByName(old, young, isDeepStrictEqual).map(({ sign, name }) => {
    const [left, right] = [old.get(name), young.get(name)];
    if (sign === '-' || right === undefined) return entry('-', name);
    if (left !== undefined) return entry('~', `${name}: ${settingChanges(left, right).join(', ')}`);
    const set = describeSettings(right);
    return entry('+', set === '' ? name : `${name} (${set})`);
  });
  const isReordered = [...old.keys()].join('\n') !== [...young.keys()].join('\n');
  return entries.length === 0 && isReordered ? [entry('~', 'their order')] : entries;
}

interface KnownConfig {
  readonly config: AgentConfig;
  /** As YAML without comments, and without the models. */
  readonly lines: readonly string[];
}

/** Null for a text that this version would not have written: what somebody put there is not for a screen. */
function configOf(text: string): KnownConfig | null {
  let raw: unknown;
  try {
    raw = parse(text);
  } catch {
    return null;
  }
  const config = agentConfigSchema.safeParse(raw);
  if (!config.success) return null;
  const others = Object.entries({ ...Object(raw) }).filter(([key]) => key !== 'models');
  return { config: config.data, lines: stringify(Object.fromEntries(others)).trimEnd().split('\n') };
}

function configEntry(text: string, before: string | null): DiffEntry {
  const name = 'shared/config.yaml';
  if (before === null) return entry('+', name);
  const [old, young] = [configOf(before), configOf(text)];
  if (old === null || young === null)
    return entry('~', `${name}: replaces one that this version does not know`);
  const lines = withoutValues(lineDiff(old.lines, young.lines));
  const others =
    old.config.models.length + young.config.models.length > 0 ? 'models, see below' : 'its form alone';
  return lines.length > 0 ? entry('~', name, lines) : entry('~', `${name}: ${others}`);
}

/** Hashes of keys are shortened; of variables in the environment of workers only the names are told. */
function withoutValues(lines: readonly DiffLine[]): DiffLine[] {
  let isVariables = false;
  return lines.map(({ sign, text }) => {
    if (!text.startsWith(' ')) isVariables = text.startsWith('env:');
    else if (isVariables) return { sign, text: text.replace(/^(\s+[^:]*:?).*$/, '$1 …') };
    return { sign, text: text.replaceAll(/\b([0-9a-f]{8})[0-9a-f]{56}\b/g, '$1…') };
  });
}

/** Names of the variables that change, never a value. `before` has the hashes of values. */
function variableLines(text: string, before: ReadonlyMap<string, string> | null): DiffLine[] {
  const variables = Object.entries({ ...Object(JSON.parse(text)) });
  const after = new Map(variables.map(([name, value]) => [name, sha256(String(value))]));
  return compareByName(before ?? new Map<string, string>(), after).map(({ sign, name }) => ({
    sign,
    text: name,
  }));
}

type Settings = ReadonlyMap<string, string>;

/** Settings of a model by name, those inside others as `prefix_cache.memory_bytes`. */
function settingsOf(model: AgentConfig['models'][number]): Settings {
  const flat = (value: object, prefix: string): [string, string][] =>
    Object.entries(value).flatMap(([key, part]: [string, unknown]) =>
      typeof part === 'object' && part !== null
        ? flat(part, `${prefix}${key}.`)
        : [[prefix + key, String(part)]],
    );
  return new Map(flat(model, '').filter(([key]) => key !== 'id'));
}

function settingChanges(before: Settings, after: Settings): string[] {
  return compareByName(before, after).map(
    ({ name }) => `${name} ${before.get(name) ?? 'unset'} -> ${after.get(name) ?? 'unset'}`,
  );
}

/** Those that are set, for example `preload, pin, context 8192`. */
function describeSettings(settings: Settings): string {
  return [...settings]
    .filter(([, value]) => value !== 'null' && value !== 'false')
    .map(([key, value]) => (value === 'true' ? key : `${key} ${value}`))
    .join(', ');
}
