import type { StatusDocument } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { painter } from './colours.ts';
import { statusLines, statusTabSeparated } from './status-table.ts';
import { textWidth } from './text-width.ts';

const GIB = 1024 ** 3;
const plain = painter(false);

const fleet: StatusDocument = {
  schemaVersion: 1,
  hosts: [
    {
      name: 'studio',
      address: 'studio.local',
      state: 'healthy',
      release: '20261123T040000Z-3f9ac2e1',
      version: '1.4.0',
      models: [
        { id: 'mlx-community/Qwen3-32B-4bit', state: 'ready', memoryBytes: 20 * GIB },
        { id: 'mlx-community/tiny', state: 'ready', memoryBytes: GIB },
      ],
      requests: { running: 3, waiting: 0 },
      tokensPerSecond: 61.4,
      memory: { totalBytes: 128 * GIB, usedBytes: 61 * GIB },
      uptimeSeconds: 4000,
      error: null,
    },
    {
      name: 'air',
      address: 'air.local',
      state: 'degraded',
      release: '20261123T040000Z-3f9ac2e1',
      version: '1.4.0',
      models: [{ id: 'mlx-community/Qwen2.5-0.5B-Instruct-4bit', state: 'failed', memoryBytes: null }],
      requests: { running: 0, waiting: 0 },
      tokensPerSecond: null,
      memory: { totalBytes: 32 * GIB, usedBytes: 7 * GIB },
      uptimeSeconds: 4000,
      error: null,
    },
    {
      name: 'mini',
      address: 'mini.local',
      state: 'not-installed',
      release: null,
      version: null,
      models: [],
      requests: null,
      tokensPerSecond: null,
      memory: null,
      uptimeSeconds: null,
      error: null,
    },
    {
      name: 'm1',
      address: 'm1.local',
      state: 'unreachable',
      release: null,
      version: null,
      models: [],
      requests: null,
      tokensPerSecond: null,
      memory: null,
      uptimeSeconds: null,
      error: {
        code: 'HOST_UNREACHABLE',
        message: 'no route to \u001B[31mm1.local\u001B[0m\n',
        hint: 'try: mlxfleet doctor m1',
      },
    },
  ],
};

test('120 columns hold everything', () => {
  expect(`\n${statusLines(fleet, 120, plain).join('\n')}`).toMatchInlineSnapshot(`
    "
    HOST    STATE            RELEASE            MODEL                                RUN/WAIT  TOK/S  MEMORY
    studio  ● healthy        1123-3f9a (1.4.0)  Qwen3-32B-4bit +1                         3/0     61  ▇▇▇▇▁▁▁▁ 61/128 GB
    air     ◑ degraded       1123-3f9a (1.4.0)  Qwen2.5-0.5B-Instruct-4bit (failed)       0/0      -  ▇▇▁▁▁▁▁▁ 7/32 GB
    mini    ○ not-installed  try: mlxfleet deploy mini
    m1      ○ unreachable    no route to m1.local   try: mlxfleet doctor m1"
  `);
});

test('80 columns drop from the right', () => {
  expect(`\n${statusLines(fleet, 80, plain).join('\n')}`).toMatchInlineSnapshot(`
    "
    HOST    STATE            RELEASE            MODEL                RUN/WAIT  TOK/S
    studio  ● healthy        1123-3f9a (1.4.0)  Qwen3-32B-4bit +1         3/0     61
    air     ◑ degraded       1123-3f9a (1.4.0)  Qwen2.5-0.5B-Instr…       0/0      -
    mini    ○ not-installed  try: mlxfleet deploy mini
    m1      ○ unreachable    no route to m1.local   try: mlxfleet doctor m1"
  `);
});

test('what is wrong with a host that serves stands below the table, in front of what to do', () => {
  const error = {
    code: 'AGENT_UNHEALTHY',
    message: 'org/q8 does not load: kv_bits needs heads whose size is a multiple of 32',
    hint: 'Look at `mlxfleet logs air`.',
  };
  const [studio, air] = fleet.hosts;
  if (studio === undefined || air === undefined) throw new Error('there are two hosts');
  const document = { ...fleet, hosts: [studio, { ...air, error }] };
  expect(`\n${statusLines(document, 80, plain).join('\n')}`).toMatchInlineSnapshot(`
    "
    HOST    STATE       RELEASE            MODEL                     RUN/WAIT  TOK/S
    studio  ● healthy   1123-3f9a (1.4.0)  Qwen3-32B-4bit +1              3/0     61
    air     ◑ degraded  1123-3f9a (1.4.0)  Qwen2.5-0.5B-Instruct-4…       0/0      -

    air     org/q8 does not load: kv_bits needs heads whose size is a multiple of
            32. Look at \`mlxfleet logs air\`."
  `);
});

test('what a host serves comes before what it cannot, and nothing that it cannot looks served', () => {
  const [studio] = fleet.hosts;
  if (studio === undefined) throw new Error('there is a host');
  const models = [
    { id: 'a/ghost', state: 'failed' as const, memoryBytes: null },
    { id: 'a/served', state: 'ready' as const, memoryBytes: GIB },
  ];
  const document = { ...fleet, hosts: [{ ...studio, models }] };
  expect(statusLines(document, 120, plain)[1]).toContain('  served +1  ');
  expect(statusTabSeparated(document)[1]?.split('\t')[3]).toBe('a/served,a/ghost (failed)');
});

test('50 columns are cards of two lines', () => {
  expect(`\n${statusLines(fleet, 50, plain).join('\n')}`).toMatchInlineSnapshot(`
    "
    studio  ● healthy  1123-3f9a (1.4.0)
            3/0  61 tok/s  61/128 GB  Qwen3-32B-4bit …
    air     ◑ degraded  1123-3f9a (1.4.0)
            0/0  - tok/s  7/32 GB  Qwen2.5-0.5B-Instr…
    mini    ○ not-installed
            try: mlxfleet deploy mini
    m1      ○ unreachable
            no route to m1.local"
  `);
});

test('a program reads tabs and full values', () => {
  expect(`\n${statusTabSeparated(fleet).join('\n')}`).toMatchInlineSnapshot(`
    "
    HOST	STATE	RELEASE	MODEL	RUN/WAIT	TOK/S	MEMORY	ERROR
    studio	healthy	20261123T040000Z-3f9ac2e1	mlx-community/Qwen3-32B-4bit,mlx-community/tiny	3/0	61	65498251264/137438953472	-
    air	degraded	20261123T040000Z-3f9ac2e1	mlx-community/Qwen2.5-0.5B-Instruct-4bit (failed)	0/0	-	7516192768/34359738368	-
    mini	not-installed	-	-	-	-	-	-
    m1	unreachable	-	-	-	-	-	no route to m1.local"
  `);
});

test.each(Array.from({ length: 60 }, (_, index) => 15 + index * 3))(
  'no line is wider than %i columns',
  (columns) => {
    for (const line of statusLines(fleet, columns, plain)) {
      expect(textWidth(line)).toBeLessThanOrEqual(columns);
    }
  },
);

test('colour adds escape sequences and nothing else', () => {
  const coloured = statusLines(fleet, 100, painter(true)).join('\n');
  // oxlint-disable-next-line no-control-regex -- the escape character is what this removes
  expect(coloured.replaceAll(/\u001B\[\d+m/g, '')).toBe(statusLines(fleet, 100, plain).join('\n'));
  expect(coloured).toContain('\u001B[');
});
