import { anything, array, assert, constantFrom, oneof, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { textsOrTokensSchema, tokensSchema } from './texts-or-tokens.ts';

/** The same as plain schemas, which are too slow for long lists. */
const plainTokens = z.array(z.int().min(0));
const some = plainTokens.min(1);
const plainTexts = z.union([z.string(), z.array(z.string()).min(1), some, z.array(some).min(1)]);

const leaf = constantFrom<unknown>('', 'a', 0, 7, -1, 1.5, 2 ** 60, Number.NaN, null, undefined, true, {});
const value = oneof(
  leaf,
  array(leaf),
  array(array(leaf)),
  array(constantFrom(1, 2)),
  array(string()),
  anything(),
);

describe.each([
  { name: 'texts or tokens', schema: textsOrTokensSchema, plain: plainTexts },
  { name: 'tokens', schema: tokensSchema, plain: plainTokens },
])('$name', ({ schema, plain }) => {
  test('takes what the plain schema takes', () => {
    assert(
      property(value, (given) => {
        const { success, data } = schema.safeParse(given);
        expect(success).toBe(plain.safeParse(given).success);
        expect(success ? data : given).toEqual(given);
      }),
      { numRuns: 1000 },
    );
  });

  test('is documented as the plain schema', () => {
    const options = { io: 'input', unrepresentable: 'any' } as const;
    const { $schema, ...documented } = z.toJSONSchema(plain, options);
    const bounded = JSON.stringify(documented).replaceAll(
      `,"maximum":${String(Number.MAX_SAFE_INTEGER)}`,
      '',
    );
    expect(z.toJSONSchema(schema, options)).toEqual({ $schema, ...JSON.parse(bounded) });
  });

  test('tells the first fault only', () => {
    const { error } = schema.safeParse([0, 'a', 'b', null]);
    expect(error?.issues).toMatchObject([{ path: [1], code: 'invalid_type' }]);
  });
});
