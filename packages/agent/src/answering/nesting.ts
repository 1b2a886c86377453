import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';

/** Deeper template options are no one's honest wish, and would exhaust the stack of whoever walks them. */
export const DEEPEST_OPTION = 16;
/** The same for JSON schemas, where an object in an object is two levels: `properties` is one too. */
export const DEEPEST_SCHEMA = 64;

/** @throws ApiError INVALID_VALUE for a value that nests more than so many levels. */
export function refuseDeep(value: unknown, levels: number, param: string): void {
  if (isShallow(value, levels)) return;
  throw new ApiError(
    API_ERRORS.INVALID_VALUE,
    `'${param}' is nested too deeply: ${String(levels)} levels are taken, and each object or list is one.`,
    { param },
  );
}

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((each) => isShallow(each, levels - 1));
}
