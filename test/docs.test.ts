import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as protocol from '@mlxfleet/protocol';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { fillTables, optionTable } from '../scripts/lib/openai-docs.ts';
import { ENDPOINTS } from '../scripts/lib/openai-endpoints.ts';

const checkout = path.dirname(import.meta.dirname);

function read(page: string): string {
  return readFileSync(path.join(checkout, page), 'utf8');
}

const pages = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  ...readdirSync(path.join(checkout, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => path.join('docs', file)),
];

interface Fence {
  /** Words after the three backticks. */
  readonly info: string;
  readonly text: string;
}

function fences(page: string): Fence[] {
  return Array.from(read(page).matchAll(/^```(.*)\n([\s\S]*?)^```$/gm), ([, info = '', text = '']) => ({
    info,
    text,
  }));
}

/** A page without its code blocks: links and headings in those are none. */
function prose(page: string): string {
  return read(page).replaceAll(/^```[\s\S]*?^```$/gm, '');
}

/** Anchors of a page's headings, as GitHub makes them. */
function anchors(page: string): string[] {
  return Array.from(prose(page).matchAll(/^#+ (.+)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^a-z0-9 _-]/g, '')
      .replaceAll(' ', '-'),
  );
}

/** Every word between backticks, outside of code blocks. */
function namesIn(text: string): Set<string> {
  const spans = Array.from(text.matchAll(/`([^`]+)`/g), ([, span = '']) => span);
  return new Set(spans.flatMap((span) => span.split(/[^\w-]+/)));
}

describe('docs/configuration.md', () => {
  const page = prose('docs/configuration.md');
  const names = namesIn(page);

  const host = ['hosts', 'air'];
  test.each([
    ['## Top level', keysAt()],
    ['## `defaults` and `hosts.<name>`', keysAt(...host)],
    ['### `api`', keysAt(...host, 'api')],
    ['### `rate_limit`', keysAt(...host, 'api', 'rate_limit')],
    ['### `images`', keysAt(...host, 'images')],
    ['### `admin`', keysAt(...host, 'admin')],
    ['## `rollout`', keysAt('rollout')],
    ['## `models`', keysAt('models', 0)],
    ['### `prefix_cache`', keysAt('models', 0, 'prefix_cache')],
    ['## `python`', keysAt('python')],
    ['## `smoke_test`', keysAt('smoke_test')],
    ['## `hooks`', [...keysAt('hooks'), ...keysAt('hooks', 'pre-deploy', 0)]],
    ['## Secrets', keysAt(...host, 'api', 'keys', 0)],
  ])('the table under "%s" has each key and no other', (heading, keys) => {
    expect(keys).not.toEqual([]);
    expect(tableKeys(page, heading)).toEqual(keys.toSorted());
  });

  test('names every key of the inventory, also of sections that are new', () => {
    const keys = keysOf(protocol.inventorySchema);
    expect(keys).toContain('post-switch');
    expect(keys.filter((key) => !names.has(key))).toEqual([]);
  });

  test('says what a host does without `max_batch_size`, everywhere the same', () => {
    const { max_batch_size: most, queue_depth: waiting } = protocol.agentConfigSchema.parse({ version: 1 });
    const rows = Array.from(page.matchAll(/^\| `max_batch_size` \|.*`(\d+)` \|$/gm), ([, value]) => value);
    expect(rows).toEqual([String(most), String(most)]);
    expect(prose('docs/security.md')).toContain(
      `${String(waiting)} waiting and ${String(most)} running requests for a model`,
    );
  });

  test('lists the keys of shared/config.yaml that the inventory does not have', () => {
    const own = Object.keys(protocol.agentConfigSchema.shape).filter((key) => !keysAt().includes(key));
    const perHost = new Set(keysAt(...host));
    expect(tableKeys(page, '## On the host')).toEqual(own.filter((key) => !perHost.has(key)).toSorted());
  });
});

test('docs/openai-api.md lists each option of each route', () => {
  const page = read('docs/openai-api.md');
  const tables = ENDPOINTS.map(
    (endpoint) => [endpoint.route, optionTable(endpoint, protocol.UNSUPPORTED_NOTES)] as const,
  );
  expect(tables.length).toBeGreaterThan(1);
  expect(fillTables(page, new Map(tables))).toBe(page);
});

/** The names in the first column of the tables between a heading and the next one, sorted. */
function tableKeys(page: string, heading: string): string[] {
  const [, after = ''] = page.split(`\n${heading}\n`);
  const section = after.split(/^#+ /m, 1)[0] ?? '';
  const cells = Array.from(section.matchAll(/^\| (`[^|]+) \|/gm), ([, cell = '']) => cell);
  return cells.flatMap((cell) => Array.from(cell.matchAll(/`([^`]+)`/g), ([, key = '']) => key)).toSorted();
}

/** Names of the keys that the inventory has at a path. */
function keysAt(...parts: readonly PropertyKey[]): string[] {
  return protocol.keysAt(protocol.inventorySchema, parts);
}

/** Names of all keys that an object of the schema may have, at any depth. */
function keysOf(schema: z.ZodType): string[] {
  const keys = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('properties' in value && typeof value.properties === 'object' && value.properties !== null) {
      for (const key of Object.keys(value.properties)) keys.add(key);
    }
    for (const part of Object.values(value)) visit(part);
  };
  visit(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  return [...keys];
}

test('README names every command of the command line', () => {
  const commands = Array.from(read('docs/cli.md').matchAll(/^\| \[`([a-z]+)`\]/gm), ([, name = '']) => name);
  expect(commands).toContain('deploy');
  const [, section = ''] = prose('README.md').split('## Commands\n');
  const named = namesIn(section.slice(0, section.indexOf('\n## ')));
  expect(commands.filter((command) => !named.has(command))).toEqual([]);
});

test('docs/admin-api.md names every metric', () => {
  const source = read('packages/agent/src/metrics/metrics.ts');
  const metrics = Array.from(source.matchAll(/'((?:vllm:|mlxfleet_)\w+)'/g), ([, name = '']) => name);
  expect(metrics.length).toBeGreaterThan(10);
  const page = read('docs/admin-api.md');
  const rows = Array.from(page.matchAll(/^\| `((?:vllm:|mlxfleet_)\w+)` \|/gm), ([, name = '']) => name);
  expect(rows.toSorted()).toEqual(metrics.toSorted());
});

test.each(pages)('every link in %s leads to a file, and to a heading of it', (page) => {
  const targets = Array.from(prose(page).matchAll(/\]\(([^)\s]+)\)/g), ([, target = '']) => target);
  const broken = targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [file = '', anchor] = target.split('#');
    const linked = file === '' ? page : path.join(path.dirname(page), file);
    if (!existsSync(path.join(checkout, linked))) return true;
    return anchor !== undefined && !anchors(linked).includes(anchor);
  });
  expect(broken).toEqual([]);
});

const inventories = pages.flatMap((page) =>
  fences(page)
    .filter(({ info, text }) => info === 'yaml' && /^version: 1$/m.test(text))
    .map(({ text }) => [page, text] as const),
);

test('there are inventories in the documentation', () => {
  expect(inventories.map(([page]) => page)).toEqual(
    expect.arrayContaining(['README.md', path.join('docs', 'configuration.md')]),
  );
});

test.each(inventories)('the inventory in %s is valid', (_, text) => {
  expect(protocol.inventorySchema.safeParse(parse(text)).error).toBeUndefined();
});

/** A JSON example carries the name of its schema behind the word json. */
const schemas: Readonly<Record<string, z.ZodType>> = {
  adminDrainResponseSchema: protocol.adminDrainResponseSchema,
  adminHealthSchema: protocol.adminHealthSchema,
  adminLoadRequestSchema: protocol.adminLoadRequestSchema,
  adminLoadResponseSchema: protocol.adminLoadResponseSchema,
  adminModelsSchema: protocol.adminModelsSchema,
  adminPullEventSchema: protocol.adminPullEventSchema,
  adminPullRequestSchema: protocol.adminPullRequestSchema,
  adminStatusSchema: protocol.adminStatusSchema,
  adminUnloadRequestSchema: protocol.adminUnloadRequestSchema,
  adminUnloadResponseSchema: protocol.adminUnloadResponseSchema,
  adminWorkersSchema: protocol.adminWorkersSchema,
  anthropicErrorSchema: protocol.anthropicErrorSchema,
  anthropicMessageSchema: protocol.anthropicMessageSchema,
  chatRequestSchema: protocol.chatRequestSchema,
  chatCompletionSchema: protocol.chatCompletionSchema,
  detokenizationSchema: protocol.detokenizationSchema,
  detokenizeRequestSchema: protocol.detokenizeRequestSchema,
  embeddingsRequestSchema: protocol.embeddingsRequestSchema,
  embeddingsSchema: protocol.embeddingsSchema,
  messagesRequestSchema: protocol.messagesRequestSchema,
  openAiErrorSchema: protocol.openAiErrorSchema,
  responseObjectSchema: protocol.responseObjectSchema,
  responsesRequestSchema: protocol.responsesRequestSchema,
  tokenizationSchema: protocol.tokenizationSchema,
  tokenizeRequestSchema: protocol.tokenizeRequestSchema,
};

const examplesOf = (page: string): Fence[] =>
  fences(path.join('docs', page)).filter(({ info }) => info.startsWith('json'));
const examples = [...examplesOf('admin-api.md'), ...examplesOf('openai-api.md')];

test('the pages of both APIs show an example of every schema', () => {
  const shown = new Set(examples.map(({ info }) => info.replace(/^json /, '')));
  expect([...shown].toSorted()).toEqual(Object.keys(schemas).toSorted());
});

const isRequest = ({ info }: Fence): boolean => info.endsWith('RequestSchema');

/** What the schema of an example makes of it: those of answers drop what they do not know. */
function parsedExample({ info, text }: Fence): unknown {
  return schemas[info.replace(/^json /, '')]?.parse(JSON.parse(text));
}

test.each(examples.filter((example) => !isRequest(example)))(
  'the example of $info has every field of its schema and no other',
  (example) => {
    expect(parsedExample(example)).toEqual(JSON.parse(example.text));
  },
);

test.each(examples.filter(isRequest))('the example of $info is taken with all its fields', (example) => {
  // Schemas of requests add what is left out.
  expect(parsedExample(example)).toMatchObject(Object(JSON.parse(example.text)));
});
