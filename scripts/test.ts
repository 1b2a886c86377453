import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { buildBundles } from './lib/build-bundles.ts';
import { ensureClientsEnvironment } from './lib/clients-environment.ts';
import { passThrough } from './lib/command.ts';
import { readJunit } from './lib/junit.ts';
import { cacheFolder, checkout, workerSource } from './lib/paths.ts';
import {
  ensureMiniLM,
  ensurePlainVision,
  ensureSmolLM2,
  ensureTinyText,
  ensureTinyVision,
} from './lib/models.ts';
import { formatSeconds, say } from './lib/progress.ts';
import { runMain, SetupError } from './lib/setup-error.ts';
import { compiler, ensureSystemPrograms, fleetPrograms, loginShells } from './lib/system-packages.ts';
import { type Tally, formatTally, judgeRunner, readTally, sumTallies } from './lib/tally.ts';
import { ensureTextEnvironment } from './lib/text-environment.ts';
import { ensureVisionEnvironment } from './lib/vision-environment.ts';
import { ensureWheelhouse } from './lib/wheelhouse.ts';

interface Part {
  readonly name: string;
  /** Brings what the tests need. */
  readonly prepare: () => Promise<unknown>;
  /** Runs the tests whose file names contain the pattern; answers with what they did. */
  readonly run: (pattern: readonly string[]) => Promise<Tally>;
}

const resultsFolder = path.join(cacheFolder, 'test-results');

const parts: readonly Part[] = [
  {
    name: 'unit',
    prepare: async () => {
      // What a deploy puts on hosts.
      await buildBundles();
      await ensureSystemPrograms(fleetPrograms);
      // By themselves: a machine that lacks one of them still gets the others.
      for (const shell of loginShells) await ensureSystemPrograms([shell]);
    },
    run: (pattern) => runVitest('unit', 'default', pattern),
  },
  {
    name: 'python',
    prepare: async () => {
      await ensureSystemPrograms([compiler]);
      await ensureTinyText();
      await ensureSmolLM2();
      await ensureVisionEnvironment();
      await ensureMiniLM();
      await ensureTinyVision();
      await ensurePlainVision();
    },
    run: runPython,
  },
  {
    name: 'e2e',
    prepare: async () => {
      await ensureSystemPrograms([compiler, ...fleetPrograms]);
      for (const shell of loginShells) await ensureSystemPrograms([shell]);
      await buildBundles();
      await ensureTinyText();
      await ensureSmolLM2();
      await ensureVisionEnvironment();
      await ensureMiniLM();
      await ensureTinyVision();
      await ensurePlainVision();
      await ensureClientsEnvironment();
      await ensureWheelhouse();
    },
    run: (pattern) => runVitest('e2e', 'verbose', pattern),
  },
];

async function runVitest(project: string, reporter: string, pattern: readonly string[]): Promise<Tally> {
  const file = path.join(resultsFolder, `${project}.json`);
  const exitCode = await passThrough(
    process.execPath,
    [
      path.join(checkout, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      `--project=${project}`,
      `--reporter=${reporter}`,
      `--reporter=${path.join(checkout, 'test', 'support', 'tally-reporter.ts')}`,
      ...pattern,
    ],
    { cwd: checkout, env: { TALLY_FILE: file } },
  );
  return judgeRunner(project, exitCode, await readResults(file, readTally));
}

/** The worker's tests by the environment that they need. */
const pythonTests = [
  { name: 'python', folder: 'tests', environment: ensureTextEnvironment },
  { name: 'python-vision', folder: 'tests_vision', environment: ensureVisionEnvironment },
] as const;

/** How pytest ends when no test fits the pattern. */
const NO_TEST_FITS = 5;

/** Side by side: each keeps one processor busy, and neither listens to anything that the other says. */
async function runPython(pattern: readonly string[]): Promise<Tally> {
  const environments: string[] = [];
  for (const { environment } of pythonTests) environments.push(await environment());
  const tallies = await Promise.all(
    pythonTests.map(async ({ name, folder }, index) => {
      const file = path.join(resultsFolder, `${name}.xml`);
      const exitCode = await runPytest(environments[index] ?? '', folder, file, pattern);
      // A pattern may mean tests of the other environment.
      if (pattern.length > 0 && exitCode === NO_TEST_FITS) return [];
      return [judgeRunner(name, exitCode, await readResults(file, readJunit))];
    }),
  );
  const found = tallies.flat();
  return found.length > 0 ? sumTallies(found) : judgeRunner('python', NO_TEST_FITS, sumTallies([]));
}

async function runPytest(
  python: string,
  folder: string,
  resultsFile: string,
  pattern: readonly string[],
): Promise<number> {
  return passThrough(
    python,
    [
      '-m',
      'pytest',
      '-q',
      '-p',
      'no:cacheprovider',
      `--junitxml=${resultsFile}`,
      ...pattern.flatMap((word) => ['-k', word]),
      folder,
    ],
    { cwd: workerSource, env: { PYTHONPATH: workerSource, PYTHONDONTWRITEBYTECODE: '1' } },
  );
}

async function readResults(file: string, read: (text: string) => Tally): Promise<Tally | null> {
  try {
    return read(await readFile(file, 'utf8'));
  } catch {
    return null;
  }
}

async function runPart(part: Part, pattern: readonly string[]): Promise<Tally> {
  const start = performance.now();
  process.stdout.write(`\n── ${part.name} ${'─'.repeat(70 - part.name.length)}\n`);
  try {
    await part.prepare();
    const tally = await part.run(pattern);
    say(`${part.name}: ${formatTally(tally)} in ${formatSeconds(performance.now() - start)}`);
    return tally;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`\n${error.message}\n${error.hint ?? ''}\n`);
    const reason = error.message.split('\n')[0] ?? '';
    return { passed: 0, failures: [`${part.name}: could not be prepared: ${reason}`], skips: [] };
  }
}

function printSummary(tally: Tally): void {
  const lines = [
    ...tally.skips.map(({ test, reason }) => `  skipped  ${test}\n           because ${reason}`),
    ...tally.failures.map((failure) => `  FAILED   ${failure}`),
  ];
  if (lines.length > 0) process.stdout.write(`\n${lines.join('\n')}\n`);
  process.stdout.write(`\n${formatTally(tally)}\n`);
}

await runMain(async () => {
  const [name, ...pattern] = process.argv.slice(2);
  const chosen = name === undefined ? parts : parts.filter((part) => part.name === name);
  if (chosen.length === 0) {
    throw new SetupError(`usage: npm test -- [${parts.map((part) => part.name).join('|')} [pattern]]`);
  }
  await rm(resultsFolder, { recursive: true, force: true });
  await mkdir(resultsFolder, { recursive: true });
  const tallies: Tally[] = [];
  for (const part of chosen) tallies.push(await runPart(part, pattern));
  const total = sumTallies(tallies);
  printSummary(total);
  return total.failures.length === 0 ? 0 : 1;
});
