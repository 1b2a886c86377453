import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { workerReplySchema } from './replies.ts';
import { workerRequestSchema } from './requests.ts';

/**
 * The frames in test/frames have every field of the wire. Here the schemas are held against them, in the worker's
 * tests/test_golden_frames.py its own reading and writing: what one side alone knows of fails in one of the two.
 */
const FRAMES = path.resolve(import.meta.dirname, '../../../../test/frames');

function golden(name: string): unknown[] {
  return z.array(z.unknown()).parse(JSON.parse(readFileSync(path.join(FRAMES, name), 'utf8')));
}

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Where a frame of this schema can have fields, as paths; those of a list's items go through `[]`. */
function pathsOf(schema: JsonSchema | boolean, at = ''): string[] {
  if (typeof schema === 'boolean') return [];
  const properties = Object.entries(schema.properties ?? {});
  const items = schema.items === undefined || Array.isArray(schema.items) ? [] : [schema.items];
  const inside = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((each) => pathsOf(each, at));
  const fields = properties.flatMap(([name, each]) =>
    [`${at}.${name}`].concat(pathsOf(each, `${at}.${name}`)),
  );
  return inside.concat(
    fields,
    items.flatMap((each) => pathsOf(each, `${at}[]`)),
  );
}

/** The same of what a frame has. */
function pathsIn(value: unknown, at = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => pathsIn(each, `${at}[]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) =>
    [`${at}.${name}`].concat(pathsIn(each, `${at}.${name}`)),
  );
}

const typeSchema = z.object({ type: z.string() });

describe.each([
  ['requests.json', workerRequestSchema],
  ['replies.json', workerReplySchema],
])('%s', (name, union) => {
  const frames = golden(name);

  test.each(frames)('$type has no field that the schema lacks, and none that it would fill in', (frame) => {
    expect(union.parse(frame)).toEqual(frame);
  });

  test.each(union.options.map((schema) => [schema.shape.type.value, schema] as const))(
    '%s is there with every field',
    (type, schema) => {
      const own = frames.filter((frame) => typeSchema.parse(frame).type === type);
      // A prompt is the same in all requests that have one, and of one kind in each.
      const ofPrompts = frames
        .flatMap((frame) => pathsIn(frame))
        .filter((each) => each.startsWith('.prompt.'));
      const present = new Set([...own.flatMap((frame) => pathsIn(frame)), ...ofPrompts]);
      expect(pathsOf(z.toJSONSchema(schema)).filter((each) => !present.has(each))).toEqual([]);
      expect(own).not.toEqual([]);
    },
  );
});

const DEFAULTS = z.array(z.object({ short: typeSchema.loose(), full: z.unknown() }));

test.each(DEFAULTS.parse(golden('defaults.json')))('the defaults of $short.type', ({ short, full }) => {
  expect(workerRequestSchema.parse(short)).toEqual(full);
});
