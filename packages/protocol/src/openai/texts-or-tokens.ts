import { z } from 'zod';

/**
 * Lists of token ids are as long as a context. A schema of each id takes a microsecond for it, a union as much for each of
 * its options, and each id that is wrong is reported: seconds, and gigabytes, for one request. These schemas look at each
 * id once and report the first that is wrong.
 */

/** One text or several, each as text or as token ids. */
type TextsOrTokens = string | string[] | number[] | number[][];

const tokensShape = { type: 'array', items: { type: 'integer', minimum: 0 } } as const;

/** For documentation: what the checks below say in code. */
const textsOrTokensShape = {
  anyOf: [
    { type: 'string' },
    { type: 'array', items: { type: 'string' }, minItems: 1 },
    { ...tokensShape, minItems: 1 },
    { type: 'array', items: { ...tokensShape, minItems: 1 }, minItems: 1 },
  ],
} as const;

/** Token ids, any number of them. */
export const tokensSchema = z
  .custom<number[]>()
  .superRefine((value, context) => {
    tell(context, Array.isArray(value) ? tokenFault(value) : wrongType('array'));
  })
  .meta(tokensShape);

/** Text, texts, token ids, or lists of token ids; no list is empty. */
export const textsOrTokensSchema = z
  .custom<TextsOrTokens>()
  .superRefine((value, context) => {
    tell(context, fault(value));
  })
  .meta(textsOrTokensShape);

type Fault = Exclude<Parameters<z.core.$RefinementCtx['addIssue']>[0], string>;

function tell(context: z.core.$RefinementCtx, found: Fault | null): void {
  // Further checks have nothing to go by.
  if (found !== null) context.addIssue({ ...found, continue: false });
}

function fault(value: unknown): Fault | null {
  if (typeof value === 'string') return null;
  if (!Array.isArray(value)) return wrongType('string or array');
  if (value.length === 0) return empty();
  switch (typeof value[0]) {
    case 'string':
      return firstFault(value, (item) => (typeof item === 'string' ? null : wrongType('string')));
    case 'number':
      return tokenFault(value);
    default:
      return firstFault(value, tokensFault);
  }
}

function tokensFault(value: unknown): Fault | null {
  if (!Array.isArray(value)) return wrongType('string, number or array');
  return value.length === 0 ? empty() : tokenFault(value);
}

function tokenFault(tokens: readonly unknown[]): Fault | null {
  return firstFault(tokens, (token) => {
    if (typeof token !== 'number') return wrongType('number');
    if (!Number.isSafeInteger(token)) return { ...wrongType('int'), message: 'expected int' };
    return token < 0 ? { code: 'too_small', origin: 'number', minimum: 0, inclusive: true } : null;
  });
}

function firstFault(items: readonly unknown[], faultOf: (item: unknown) => Fault | null): Fault | null {
  for (const [index, item] of items.entries()) {
    const found = faultOf(item);
    if (found !== null) return { ...found, path: [index, ...(found.path ?? [])] };
  }
  return null;
}

function wrongType(expected: string): Fault {
  return { code: 'invalid_type', expected, message: `expected ${expected}` };
}

function empty(): Fault {
  return { code: 'too_small', origin: 'array', minimum: 1, inclusive: true };
}
