import type { AdminStatus, Model } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { IDLE_AGENT } from '../agent-client/testing/idle-agent.ts';
import { parseInventory } from '../config/parse-inventory.ts';
import { resolveHosts } from '../config/resolve-hosts.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { chooseModel, chooseSeeingModel } from './choose-model.ts';

const [air, mini] = resolveHosts(
  parseInventory(
    'i',
    'version: 1\nhosts: {air: {}, mini: {}}\nmodels: [{id: listed, hosts: [air]}, {id: eye, hosts: [air]}]',
  ),
);

function known(host: ResolvedHost | undefined): ResolvedHost {
  if (host === undefined) throw new Error('two hosts are expected');
  return host;
}

test('the model is the one named, or the first listed for the host, or there is none', () => {
  expect(chooseModel('named', null, known(air))).toBe('named');
  expect(chooseModel(undefined, null, known(air))).toBe('listed');
  expect(() => chooseModel(undefined, null, known(mini))).toThrow(
    expect.objectContaining({ code: 'NOTHING_TO_CHAT_WITH' }),
  );
});

function model(id: string, ...inputs: ('text' | 'image' | 'file')[]): Model {
  const architecture: Model['architecture'] = { input_modalities: inputs, output_modalities: ['text'] };
  return { id, object: 'model', created: 1, owned_by: 'a', architecture };
}

function loaded(id: string): AdminStatus {
  const status: AdminStatus['models'][number] = {
    id,
    state: 'ready',
    memory_bytes: 1,
    context_length: 1,
    pinned: false,
    idle_timeout_seconds: null,
    last_used_at: null,
    requests: { running: 0, waiting: 0 },
    error: null,
  };
  return { ...IDLE_AGENT, models: [status] };
}

const text = model('text', 'text');
const other = model('other', 'text', 'image', 'file');
const eye = model('eye', 'text', 'image', 'file');
const last = model('last', 'text', 'image', 'file');

test.each<[string, string, Model[], AdminStatus | null, string]>([
  ['the usual one where it sees', 'last', [text, eye, last], loaded('eye'), 'last'],
  ['a loaded one', 'text', [text, eye, last], loaded('last'), 'last'],
  ['one of the inventory', 'text', [text, other, eye], loaded('text'), 'eye'],
  ['any', 'text', [text, other], null, 'other'],
  ['the usual one where none sees', 'text', [text, model('lacking')], null, 'text'],
  ['the usual one where the host does not have it yet', 'coming', [text, eye], null, 'coming'],
  ['the usual one of an agent that does not tell', 'text', [], null, 'text'],
])('a picture is shown to %s', (_, usual, models, status, chosen) => {
  expect(chooseSeeingModel(usual, models, status, known(air))).toBe(chosen);
});
