import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ResponseInputItem, ResponseObject } from '@mlxfleet/protocol';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ResponseStore, type StoreLimits } from './response-store.ts';

const DAY = 24 * 60 * 60 * 1000;
let folder: string;
let now: number;
let logged: string[];
const stores: ResponseStore[] = [];

beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(tmpdir(), 'responses-')), 'state');
  now = 1_000_000_000_000;
  logged = [];
});
afterEach(() => {
  for (const store of stores.splice(0)) store.close();
  rmSync(path.dirname(folder), { recursive: true, force: true });
});

function open(limits: Partial<StoreLimits> = {}): ResponseStore {
  const log = pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) });
  const store = new ResponseStore({ folder, log, limits, now: () => now });
  stores.push(store);
  return store;
}

function close(store: ResponseStore): void {
  store.close();
  stores.splice(stores.indexOf(store), 1);
}

function question(text: string): ResponseInputItem {
  return { role: 'user', content: text };
}

function response(id: string, previous: string | null = null, text = `answer ${id}`): ResponseObject {
  return {
    id,
    object: 'response',
    created_at: 1,
    completed_at: 2,
    status: 'completed',
    error: null,
    incomplete_details: null,
    model: 'm',
    output: [
      {
        type: 'message',
        id: `msg_${id}`,
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
      },
    ],
    previous_response_id: previous,
    instructions: null,
    tools: [],
    tool_choice: 'auto',
    parallel_tool_calls: true,
    text: { format: { type: 'text' } },
    reasoning: { effort: null, summary: null },
    max_output_tokens: null,
    temperature: 1,
    top_p: 1,
    top_logprobs: 0,
    truncation: 'disabled',
    background: false,
    store: true,
    metadata: {},
    user: null,
    safety_identifier: null,
    prompt_cache_key: null,
    service_tier: 'default',
    usage: null,
    timings: null,
  };
}

function put(store: ResponseStore, id: string, previous: string | null = null, owner = 'me'): void {
  store.put({ owner, response: response(id, previous), input: [question(`question ${id}`)] });
}

/** The texts of a conversation, or why there is none. */
function texts(store: ResponseStore, id: string, owner = 'me'): unknown {
  const found = store.conversation(id, owner);
  if ('missing' in found) return found.missing;
  return found.items.map((item) => /(?:question|answer) \w+/.exec(JSON.stringify(item))?.[0]);
}

function kept(store: ResponseStore, ids: string): string {
  return ids
    .split('')
    .filter((id) => store.get(id, 'me') !== null)
    .join('');
}

describe('what is stored', () => {
  test('comes back as it was', () => {
    const store = open();
    put(store, 'a');
    expect(store.get('a', 'me')).toEqual(response('a'));
    expect(Object.keys(Object(store.get('a', 'me')))).toEqual(Object.keys(response('a')));
    expect(store.output('a', 'me')).toEqual(response('a').output);
    expect([store.get('b', 'me'), store.output('b', 'me')]).toEqual([null, null]);
  });

  test('is a conversation in its order, with branches apart', () => {
    const store = open();
    put(store, 'a');
    put(store, 'b', 'a');
    put(store, 'c', 'b');
    put(store, 'd', 'a');
    expect(texts(store, 'c')).toEqual([
      'question a',
      'answer a',
      'question b',
      'answer b',
      'question c',
      'answer c',
    ]);
    expect(texts(store, 'd')).toEqual(['question a', 'answer a', 'question d', 'answer d']);
  });

  test('is nothing to another key', () => {
    const store = open();
    put(store, 'a');
    expect([store.get('a', 'you'), store.output('a', 'you'), texts(store, 'a', 'you')]).toEqual([
      null,
      null,
      'unknown',
    ]);
    expect(store.delete('a', 'you')).toBe(false);
    // A response that claims to go on from a foreign one has no way to its items.
    put(store, 'b', 'a', 'you');
    expect(texts(store, 'b', 'you')).toBe('incomplete');
    expect(kept(store, 'a')).toBe('a');
  });

  test('survives a restart, and only the owner of the agent reads it', () => {
    const first = open();
    put(first, 'a');
    put(first, 'b', 'a');
    const modes = readdirSync(folder).map((name) => statSync(path.join(folder, name)).mode & 0o777);
    expect([modes.length > 1, new Set(modes), statSync(folder).mode & 0o777]).toEqual([
      true,
      new Set([0o600]),
      0o700,
    ]);
    close(first);
    const second = open();
    expect(texts(second, 'b')).toHaveLength(4);
    expect(logged).toEqual([]);
  });

  test('survives an agent that was killed', () => {
    put(open(), 'a');
    expect(kept(open(), 'a')).toBe('a');
  });

  test('is gone for good when it is deleted', () => {
    const store = open();
    const input = [question('the secret word')];
    store.put({ owner: 'me', response: response('a', null, 'another secret word'), input });
    put(store, 'b', 'a');
    expect([store.delete('a', 'me'), store.delete('a', 'me')]).toEqual([true, false]);
    expect([kept(store, 'ab'), texts(store, 'b')]).toEqual(['b', 'incomplete']);
    for (const name of readdirSync(folder)) {
      expect(readFileSync(path.join(folder, name), 'latin1')).not.toContain('secret word');
    }
  });
});

describe('bounds', () => {
  test('by count: what was used longest ago goes, and conversations stay whole', () => {
    const store = open({ count: 3 });
    put(store, 'a');
    now += 1;
    put(store, 'b', 'a');
    now += 1;
    put(store, 'c');
    now += 1;
    texts(store, 'b');
    now += 1;
    put(store, 'd', 'b');
    expect([kept(store, 'abcd'), texts(store, 'd')]).toEqual(['abd', expect.arrayContaining(['answer a'])]);
  });

  test('by bytes, also of what an earlier agent left', () => {
    const size = JSON.stringify(response('a')).length;
    const first = open();
    for (const id of 'abcdefgh') {
      now += 1;
      put(first, id);
    }
    expect(kept(first, 'abcdefgh')).toBe('abcdefgh');
    close(first);
    const second = open({ bytes: size * 5 });
    expect(kept(second, 'abcdefgh')).toBe('efgh');
    put(second, 'i');
    expect(kept(second, 'efghi')).toBe('fghi');
  });

  test('bytes of what was deleted count no more', () => {
    const size = JSON.stringify(response('a')).length;
    const store = open({ bytes: size * 3 });
    put(store, 'a');
    put(store, 'b');
    store.delete('b', 'me');
    put(store, 'c');
    expect(kept(store, 'abc')).toBe('ac');
  });

  test('by age since the last use', () => {
    const store = open({ ageMs: 30 * DAY });
    put(store, 'a');
    put(store, 'b');
    now += 29 * DAY;
    texts(store, 'b');
    now += 2 * DAY;
    put(store, 'c');
    expect(kept(store, 'abc')).toBe('bc');
    close(store);
    now += 60 * DAY;
    expect(kept(open({ ageMs: 30 * DAY }), 'bc')).toBe('');
  });

  test('by the length of a conversation', () => {
    const store = open({ conversationBytes: 500 });
    put(store, 'a');
    put(store, 'b', 'a');
    put(store, 'c', 'b');
    expect(texts(store, 'a')).toHaveLength(2);
    expect(texts(store, 'c')).toBe('too-long');
  });

  test('by the bytes of a conversation, of which a letter may have several', () => {
    const store = open({ conversationBytes: 500 });
    store.put({ owner: 'o', response: response('a', null, 'a'.repeat(200)), input: [] });
    store.put({ owner: 'o', response: response('b', null, '語'.repeat(200)), input: [] });
    expect(store.conversation('a', 'o')).toHaveProperty('items');
    expect(store.conversation('b', 'o')).toEqual({ missing: 'too-long' });
  });
});

describe('trouble', () => {
  test('a file that is none of ours is begun anew, and that is logged', () => {
    close(open());
    for (const name of readdirSync(folder))
      writeFileSync(path.join(folder, name), 'no database'.repeat(1000));
    const store = open();
    put(store, 'a');
    expect([kept(store, 'a'), logged.length]).toEqual(['a', 1]);
  });

  test('without a place on disk responses last until the agent stops', () => {
    writeFileSync(folder, 'a file, no folder');
    const store = open();
    put(store, 'a');
    expect([kept(store, 'a'), logged.at(-1)]).toEqual([
      'a',
      expect.stringContaining('cannot be stored on disk'),
    ]);
  });

  test('what cannot be written is logged, and no failure of the request', () => {
    const store = open();
    put(store, 'a');
    put(store, 'a');
    expect(logged).toEqual([expect.stringContaining('could not be stored')]);
  });
});
