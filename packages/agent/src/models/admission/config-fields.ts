/** Fields of a config.json: a foreign file, of which anything may be missing or of another kind. */
export type Fields = Readonly<Record<string, unknown>>;

/** More than any model has of anything; what is beyond is no size. */
const LARGEST = 2 ** 31;

/** The first of the fields that holds a size. */
export function size(fields: Fields, ...names: readonly string[]): number | null {
  for (const name of names) {
    const value = fields[name];
    if (typeof value === 'number' && value >= 1 && value < LARGEST) return Math.floor(value);
  }
  return null;
}

/** An object's fields; none of anything else. */
export function record(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
