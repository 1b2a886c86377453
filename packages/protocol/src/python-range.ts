const OLDEST_MINOR = 11;
/** The newest that every locked package has a wheel for. */
const NEWEST_MINOR = 13;

/** Python versions that the worker runs on. */
export const PYTHON_RANGE = { minimum: `3.${OLDEST_MINOR}`, below: `3.${NEWEST_MINOR + 1}` } as const;

/** The same one by one, oldest first. */
export const PYTHON_VERSIONS: readonly string[] = Array.from(
  { length: NEWEST_MINOR - OLDEST_MINOR + 1 },
  (_, index) => `3.${OLDEST_MINOR + index}`,
);

/** The same for people. */
export const PYTHON_RANGE_TEXT = `${PYTHON_RANGE.minimum} to 3.${NEWEST_MINOR}`;
