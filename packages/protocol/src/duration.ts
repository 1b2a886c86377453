import { z } from 'zod';

const SECONDS_PER_UNIT = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3600],
  ['d', 86_400],
]);

const EXPECTED = 'expected a duration such as 90s, 10m or 1h';

/** A duration as people write it (`90s`, `10m`, `1h`, `2d`) or a number of seconds; parsed to seconds. */
export const durationSchema = z
  .union([z.number().positive(), z.string()], { error: EXPECTED })
  .transform((value, context): number => {
    if (typeof value === 'number') return value;
    const [, amount, unit] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(value) ?? [];
    const seconds = Number(amount) * (SECONDS_PER_UNIT.get(unit ?? '') ?? 0);
    if (seconds > 0) return seconds;
    context.addIssue({ code: 'custom', message: EXPECTED });
    return z.NEVER;
  });
