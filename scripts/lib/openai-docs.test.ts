import { expect, test } from 'vitest';
import { z } from 'zod';
import { type Endpoint, fillTables, optionTable, valueText } from './openai-docs.ts';

const endpoint: Endpoint = {
  route: 'POST /v1/things',
  schema: z.looseObject({
    size: z.int().min(1).max(9).nullish().meta({ description: 'How big | how small.', absent: '3' }),
    name: z.string().meta({ description: 'What it is called.' }),
    details: z
      .looseObject({ colour: z.enum(['red', 'blue']).nullish().meta({ description: 'Its colour.' }) })
      .nullish()
      .meta({ description: 'More of it.' }),
  }),
  unsupported: { wings: ['', []], wheels: [] },
  ignored: { label: 'For whoever reads it.' },
};

test('a table has what is required, honoured, ignored and refused, in this order', () => {
  expect(optionTable(endpoint, { wings: 'flight', wheels: 'a car; use legs' }).split('\n').slice(2)).toEqual([
    '| `name` | supported | text | required | What it is called. |',
    String.raw`| \`size\` | supported | whole number, 1 to 9 | 3 | How big \| how small. |`.replaceAll(
      '\\`',
      '`',
    ),
    '| `details` | supported | object |  | More of it. |',
    '| `details.colour` | supported | `red`, `blue` |  | Its colour. |',
    '| `label` | ignored | anything |  | For whoever reads it. |',
    '| `wings` | refused | passes: `""`, `[]` |  | Flight. |',
    '| `wheels` | refused |  |  | A car; use legs. |',
  ]);
});

test.each([
  ['a refused option', endpoint, {}],
  [
    'an honoured option',
    { ...endpoint, schema: z.object({ name: z.string() }) },
    { wings: 'a', wheels: 'b' },
  ],
])('%s without a description is an error', (_, broken, notes) => {
  expect(() => optionTable(broken, notes)).toThrow(/has no description/);
});

test.each([
  [z.boolean(), '`true`, `false`'],
  [z.int(), 'whole number'],
  [z.int().positive(), 'whole number, above 0'],
  [z.number().gt(0).max(1), 'number, above 0, up to 1'],
  [z.string().max(5), 'text, up to 5 characters'],
  [z.union([z.string(), z.array(z.string()).max(4)]), 'text, or list of text, up to 4 items'],
  [z.array(z.union([z.int(), z.string()])).min(1), 'list of whole number or text, not empty'],
  [z.record(z.string(), z.number().max(2)), 'object of number, up to 2'],
  [z.union([z.literal(false), z.int().min(0)]), '`false`, or whole number, 0 or more'],
  [
    z.discriminatedUnion('type', [
      z.object({ type: z.literal('a') }),
      z.object({ type: z.literal('b'), more: z.string() }),
    ]),
    'object with `type` `a`, `b`',
  ],
])('the values of a schema in words: %#', (schema, words) => {
  expect(valueText(schema.nullish())).toBe(words);
});

test('tables are written between their markers', () => {
  const page = '# A\n<!-- options: R -->\nold\n<!-- end of options -->\nrest';
  const filled = '# A\n<!-- options: R -->\nnew\n<!-- end of options -->\nrest';
  expect(fillTables(page, new Map([['R', 'new']]))).toBe(filled);
  expect(() => fillTables(page, new Map())).toThrow('R is not among the endpoints');
  expect(() => fillTables('', new Map([['R', 'new']]))).toThrow('no table in the page: R');
});
