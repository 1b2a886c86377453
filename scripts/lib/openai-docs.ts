import { z } from 'zod';

/** One route whose options are listed in docs/openai-api.md. */
export interface Endpoint {
  /** As in the page's markers, for example `POST /v1/completions`. */
  readonly route: string;
  readonly schema: z.ZodObject;
  /** Option to the values that ask for nothing and so pass. */
  readonly unsupported: Readonly<Record<string, readonly unknown[]>>;
  /** Option to what it is for elsewhere. */
  readonly ignored: Readonly<Record<string, string>>;
}

/** The part of a JSON schema that is looked at. */
const jsonSchema = z.object({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  description: z.string().optional(),
  /** What holds without the option: a note of our own. */
  absent: z.string().optional(),
  const: z.unknown().optional(),
  enum: z.array(z.unknown()).optional(),
  required: z.array(z.string()).default([]),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  minLength: z.number().optional(),
  maxLength: z.number().optional(),
  minItems: z.number().optional(),
  maxItems: z.number().optional(),
  get anyOf() {
    return z.array(jsonSchema).optional();
  },
  get oneOf() {
    return z.array(jsonSchema).optional();
  },
  get items() {
    return jsonSchema.optional();
  },
  get properties() {
    return z.record(z.string(), jsonSchema).optional();
  },
  get additionalProperties() {
    return z.union([z.boolean(), jsonSchema]).optional();
  },
});
type JsonSchema = z.infer<typeof jsonSchema>;

interface Row {
  readonly option: string;
  readonly state: string;
  readonly values: string;
  readonly absent: string;
  readonly description: string;
}

const REQUIRED = 'required';

/**
 * The options of a route as a Markdown table: those that are honoured, ignored and refused.
 * @param notes what each refused option asks for.
 * @throws Error for an option without a description.
 */
export function optionTable(endpoint: Endpoint, notes: Readonly<Record<string, string>>): string {
  const honoured = honouredRows(asJsonSchema(endpoint.schema), '');
  const rows = [
    ...honoured.filter(({ absent }) => absent === REQUIRED),
    ...honoured.filter(({ absent }) => absent !== REQUIRED),
    ...Object.entries(endpoint.ignored).map(([option, description]) => ({
      option,
      state: 'ignored',
      values: 'anything',
      absent: '',
      description,
    })),
    ...Object.entries(endpoint.unsupported).map(([option, passing]) => ({
      option,
      state: 'refused',
      values:
        passing.length === 0
          ? ''
          : `passes: ${passing.map((value) => `\`${JSON.stringify(value)}\``).join(', ')}`,
      absent: '',
      description: sentence(notes[option] ?? ''),
    })),
  ];
  for (const { option, description } of rows) {
    if (description === '') throw new Error(`${endpoint.route}: ${option} has no description`);
  }
  return [
    '| option | | values | when absent | what it does |',
    '|---|---|---|---|---|',
    ...rows.map(
      (row) =>
        `| \`${row.option}\` | ${[row.state, row.values, row.absent, row.description].map(cell).join(' | ')} |`,
    ),
  ].join('\n');
}

/**
 * The page with each table between its markers, `<!-- options: ROUTE -->` and `<!-- end of options -->`, written anew.
 * @throws Error when a route has no markers, or markers name no route.
 */
export function fillTables(page: string, tables: ReadonlyMap<string, string>): string {
  const filled = new Set<string>();
  const text = page.replaceAll(
    /<!-- options: (.+) -->\n[\s\S]*?<!-- end of options -->/g,
    (_, route: string) => {
      const table = tables.get(route);
      if (table === undefined) throw new Error(`${route} is not among the endpoints`);
      filled.add(route);
      return `<!-- options: ${route} -->\n${table}\n<!-- end of options -->`;
    },
  );
  const missing = [...tables.keys()].filter((route) => !filled.has(route));
  if (missing.length > 0) throw new Error(`no table in the page: ${missing.join(', ')}`);
  return text;
}

function asJsonSchema(schema: z.ZodType): JsonSchema {
  return jsonSchema.parse(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
}

/** Of an object whose own options are described there is a row for each of them too. */
function honouredRows(schema: JsonSchema, prefix: string): Row[] {
  const rows: Row[] = [];
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    rows.push({
      option: prefix + name,
      state: 'supported',
      values: anyText(property),
      absent: schema.required.includes(name) ? REQUIRED : (property.absent ?? ''),
      description: property.description ?? '',
    });
    const inner = alternatives(property).find(({ properties }) => properties !== undefined);
    const described = Object.values(inner?.properties ?? {}).some((each) => each.description !== undefined);
    if (inner !== undefined && described) rows.push(...honouredRows(inner, `${prefix}${name}.`));
  }
  return rows;
}

/** The values that a schema takes, in words. Null is taken everywhere and not named. */
export function valueText(schema: z.ZodType): string {
  return anyText(asJsonSchema(schema));
}

function anyText(schema: JsonSchema): string {
  const texts = alternatives(schema).map(plainText);
  const kinds = alternatives(schema).flatMap(({ properties }) =>
    properties?.type?.const === undefined ? [] : [code(properties.type.const)],
  );
  const objects = kinds.length > 1 ? [`object with \`type\` ${kinds.join(', ')}`] : [];
  const others = objects.length > 0 ? texts.filter((text) => text !== 'object') : texts;
  return [...new Set([...others, ...objects])].join(', or ');
}

/** The schemas that a value may follow, without null. */
function alternatives(schema: JsonSchema): JsonSchema[] {
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return options.flatMap(alternatives);
  const types = [schema.type ?? []].flat();
  if (types.length <= 1) return types[0] === 'null' ? [] : [schema];
  return types.filter((type) => type !== 'null').map((type) => Object.assign({}, schema, { type }));
}

function plainText(schema: JsonSchema): string {
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(code).join(', ');
  switch (schema.type) {
    case 'boolean':
      return '`true`, `false`';
    case 'integer':
      return withBounds('whole number', schema);
    case 'number':
      return withBounds('number', schema);
    case 'string':
      return withCount('text', 'characters', schema.minLength, schema.maxLength);
    case 'array': {
      const items =
        schema.items === undefined ? '' : ` of ${anyText(schema.items).replaceAll(', or ', ' or ')}`;
      return withCount(`list${items}`, 'items', schema.minItems, schema.maxItems);
    }
    default: {
      const values = schema.additionalProperties;
      return typeof values === 'object' && values.type !== undefined
        ? `object of ${anyText(values)}`
        : 'object';
    }
  }
}

function withBounds(noun: string, { minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  const low = isBound(minimum) ? minimum : undefined;
  const high = isBound(maximum) ? maximum : undefined;
  if (low !== undefined && high !== undefined) return `${noun}, ${String(low)} to ${String(high)}`;
  const bounds = [
    ...(low === undefined ? [] : [`${String(low)} or more`]),
    ...(exclusiveMinimum === undefined ? [] : [`above ${String(exclusiveMinimum)}`]),
    ...(high === undefined ? [] : [`up to ${String(high)}`]),
  ];
  return [noun, ...bounds].join(', ');
}

/** What a number in JavaScript can hold is no bound that anyone asked for. */
function isBound(value: number | undefined): value is number {
  return value !== undefined && Math.abs(value) !== Number.MAX_SAFE_INTEGER;
}

function withCount(noun: string, unit: string, least = 0, most = Infinity): string {
  if (most !== Infinity) return `${noun}, up to ${String(most)} ${unit}`;
  return least > 0 ? `${noun}, not empty` : noun;
}

function code(value: unknown): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function sentence(note: string): string {
  return note === '' ? '' : `${note.charAt(0).toUpperCase()}${note.slice(1)}.`;
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ');
}
