import { z } from 'zod';

const tallySchema = z.object({
  passed: z.int(),
  /** Names of failed tests, and of anything else that went wrong: a crash counts as one. */
  failures: z.array(z.string()),
  skips: z.array(z.object({ test: z.string(), reason: z.string() })),
});

/** What a test runner did, or several of them together. */
export type Tally = z.infer<typeof tallySchema>;
export type Skip = Tally['skips'][number];

/** Reads what the tally reporter of vitest wrote. */
export function readTally(text: string): Tally {
  return tallySchema.parse(JSON.parse(text));
}

export function sumTallies(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((sum, tally) => sum + tally.passed, 0),
    failures: tallies.flatMap((tally) => tally.failures),
    skips: tallies.flatMap((tally) => tally.skips),
  };
}

/** The last line of `npm test`, which programs read. */
export function formatTally(tally: Tally): string {
  const line = `${tally.passed} passed, ${tally.failures.length} failed`;
  return tally.skips.length > 0 ? `${line}, ${tally.skips.length} skipped` : line;
}

/**
 * What counts of a runner that has ended. One that left no results, ran nothing, or reports failure without a failed
 * test, counts as a failure: silence is never success.
 */
export function judgeRunner(name: string, exitCode: number, results: Tally | null): Tally {
  if (results === null) {
    return { passed: 0, failures: [`${name}: ended with code ${exitCode} and left no results`], skips: [] };
  }
  if (results.failures.length > 0) return results;
  if (exitCode !== 0) {
    return { ...results, failures: [`${name}: ended with code ${exitCode} though no test failed`] };
  }
  if (results.passed === 0 && results.skips.length === 0) {
    return { ...results, failures: [`${name}: no test ran`] };
  }
  return results;
}
