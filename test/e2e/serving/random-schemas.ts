import * as fc from 'fast-check';

export type JsonSchema = Readonly<Record<string, unknown>>;

const NAMES = [
  'a',
  'name',
  'the value',
  'x-y',
  'é',
  '0',
  'type',
  'properties',
  'a "quote"',
  '日本',
  '😀',
  '',
];
const PATTERNS = [
  '^[a-z]{1,8}$',
  '^\\d{3}-\\d{4}$',
  '^(red|green|blue)$',
  '^a.c$',
  '^\\w+@\\w+\\.com$',
  '^(?:ab|cd){1,3}e?$',
];
/** Of those that the worker enforces, all but `email`: ajv takes fewer addresses than the RFC does. */
const FORMATS = ['date-time', 'time', 'date', 'duration', 'ipv4', 'ipv6', 'uuid'];
const DEEPEST = 3;

const literal = fc.constantFrom(null, true, 0, -0.5, 1e-7, 123456789012, '', 'a\\b\n\té"/', '日本', [
  1,
  { a: null },
]);
const count = fc.integer({ min: 0, max: 3 });

const text = fc
  .oneof(
    // A model that knows nothing hardly ever ends a text without a bound.
    { weight: 1, arbitrary: fc.constant({}) },
    { weight: 3, arbitrary: fc.constant({ maxLength: 12 }) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(count, count)
        .map(([least, more]) => ({ minLength: least, maxLength: least + more })),
    },
    { weight: 3, arbitrary: fc.constantFrom(...PATTERNS).map((pattern) => ({ pattern })) },
    { weight: 3, arbitrary: fc.constantFrom(...FORMATS).map((format) => ({ format })) },
  )
  .map((bounds): JsonSchema => Object.assign({ type: 'string' }, bounds));

const number = fc
  .tuple(fc.constantFrom(0, 1, -17, 0.5, -1000, 4321), fc.constantFrom(1, 2.5, 100, 12_345))
  .chain(([low, width]) =>
    fc.constantFrom<JsonSchema>(
      { type: 'integer' },
      { type: 'number' },
      { type: 'integer', minimum: low, maximum: low + width },
      { type: 'number', minimum: low, maximum: low + width },
      { type: 'number', exclusiveMinimum: low, exclusiveMaximum: low + width },
      { type: 'integer', minimum: low },
      { type: 'integer', multipleOf: 12, minimum: -1000, maximum: 9999 },
    ),
  );

const fixed = fc.oneof(
  fc.constantFrom<JsonSchema>({ type: 'boolean' }, { type: 'null' }),
  literal.map((value): JsonSchema => ({ const: value })),
  fc.array(literal, { minLength: 1, maxLength: 4 }).map((values): JsonSchema => ({ enum: values })),
);

const { schema: anySchema, object } = fc.letrec<{
  schema: JsonSchema;
  array: JsonSchema;
  object: JsonSchema;
  anyOf: JsonSchema;
  nullable: JsonSchema;
}>((tie) => ({
  schema: fc.oneof(
    { maxDepth: DEEPEST },
    text,
    number,
    fixed,
    tie('array'),
    tie('object'),
    tie('anyOf'),
    tie('nullable'),
  ),
  array: fc
    .record({
      items: tie('schema'),
      least: count,
      more: count,
      first: fc.option(fc.tuple(tie('schema')), { nil: undefined }),
    })
    .map(({ items, least, more, first }) => ({
      type: 'array',
      items,
      minItems: least,
      maxItems: least + more,
      prefixItems: first,
    })),
  object: fc
    .record({
      properties: fc.dictionary(fc.constantFrom(...NAMES), tie('schema'), {
        minKeys: 1,
        maxKeys: 4,
        noNullPrototype: true,
      }),
      isRequired: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      others: fc.constantFrom(false, false, false, { type: 'boolean' }, undefined),
    })
    .map(({ properties, isRequired, others }) => ({
      type: 'object',
      properties,
      required: Object.keys(properties).filter((_, index) => isRequired[index]),
      additionalProperties: others,
    })),
  anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((options) => ({ anyOf: options })),
  nullable: fc
    .oneof(text, number)
    .map((schema) => Object.assign({}, schema, { type: [schema['type'], 'null'] })),
}));

const tree = {
  type: 'object',
  properties: {
    value: { type: 'boolean' },
    left: { anyOf: [{ $ref: '#/$defs/tree' }, { type: 'null' }] },
    rest: { type: 'array', items: { $ref: '#/$defs/tree' }, maxItems: 2 },
  },
  required: ['value', 'left'],
  additionalProperties: false,
};

/** An object, at times with something defined elsewhere that may contain itself. */
const root = fc.tuple(object, anySchema, fc.nat(3)).map(([whole, part, chance]): JsonSchema => {
  if (chance > 0) return whole;
  return {
    type: 'object',
    properties: { tree: { $ref: '#/$defs/tree' }, part: { $ref: '#/$defs/part' } },
    required: ['tree', 'part'],
    additionalProperties: false,
    $defs: { tree, part },
  };
});

/** Schemas of every kind that clients send, the same for the same seed. */
export function randomSchemas(howMany: number, seed: number): JsonSchema[] {
  return fc.sample(root, { numRuns: howMany, seed });
}
