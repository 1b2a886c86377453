import { z } from 'zod';

/** More than anybody lists by hand. */
const MOST_RANGES = 100;

/** First and last page, from 1. */
export type PageRange = [number, number];

/** The ranges that a text such as `1-3,5` names, [[1, 3], [5, 5]]; null for one that names none. */
export function parsePageRanges(text: string): PageRange[] | null {
  const parts = text.split(',');
  if (parts.length > MOST_RANGES) return null;
  const ranges: PageRange[] = [];
  for (const part of parts) {
    const [, first, last = first] = /^ *([1-9]\d{0,5})(?: *- *([1-9]\d{0,5}))? *$/.exec(part) ?? [];
    if (first === undefined || Number(first) > Number(last)) return null;
    ranges.push([Number(first), Number(last)]);
  }
  return ranges;
}

/** What is wrong with a text that should name pages; null where it does. */
export function pagesProblem(text: string): string | null {
  if (parsePageRanges(text) !== null) return null;
  for (const [range, first, last] of text.matchAll(/(\d{1,6}) *- *(\d{1,6})/g)) {
    if (Number(first) > Number(last)) return `${range} runs backwards: write ${last}-${first}`;
  }
  return 'must name pages from 1, such as 1-3,5';
}

/** Extensions: what of a document the model is shown, and how finely its pages are drawn. */
export const documentOptions = {
  pages: z
    .string()
    .refine((text) => pagesProblem(text) === null, {
      error: ({ input }) => pagesProblem(String(input)) ?? undefined,
    })
    .nullish(),
  /** Dots per inch. */
  dpi: z.int().min(36).max(600).nullish(),
};
