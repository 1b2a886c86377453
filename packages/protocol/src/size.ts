import { z } from 'zod';

const BYTES_PER_UNIT = new Map([
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
  ['TiB', 1024 ** 4],
]);

const EXPECTED = 'expected a size such as 512MB, 8GB or 4GiB, a number of bytes, or off';

/** A size as people write it (`512MB`, `8 GB`, `4GiB`), a number of bytes, or `off`, which is 0; parsed to bytes. */
export const sizeSchema = z
  .union([z.number().min(0, EXPECTED), z.string(), z.literal(false)], { error: EXPECTED })
  .transform((value, context): number => {
    if (value === false || value === 'off') return 0;
    const bytes = typeof value === 'number' ? value : bytesOf(value);
    if (Number.isSafeInteger(bytes)) return bytes;
    context.addIssue({ code: 'custom', message: EXPECTED });
    return z.NEVER;
  });

/** NaN for a text that is no size. Parts of bytes are cut off. */
function bytesOf(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?) ?([KMGT]i?B)$/.exec(text) ?? [];
  return Math.floor(Number(amount) * (BYTES_PER_UNIT.get(unit ?? '') ?? Number.NaN));
}
