import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { buildBundles } from './lib/build-bundles.ts';
import { passThrough } from './lib/command.ts';
import { ensurePlainText, ensurePlainVision, ensureSmolLM2 } from './lib/models.ts';
import { checkout } from './lib/paths.ts';
import { formatSeconds, say } from './lib/progress.ts';
import { runMain, SetupError } from './lib/setup-error.ts';
import { compiler, ensureSystemPrograms, fleetPrograms } from './lib/system-packages.ts';
import { ensureWheelhouse } from './lib/wheelhouse.ts';

const benchFolder = path.join(checkout, 'bench');
const suffix = '.bench.ts';

/** Each benchmark is a program of its own: it measures itself and its reference, writes its result, prints its table. */
async function runBenchmark(name: string): Promise<boolean> {
  const start = performance.now();
  process.stdout.write(`\n── ${name} ${'─'.repeat(Math.max(0, 70 - name.length))}\n`);
  const exitCode = await passThrough(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', path.join(benchFolder, `${name}${suffix}`)],
    { cwd: checkout },
  );
  say(
    `${name}: ${exitCode === 0 ? 'done' : `failed (exit ${exitCode})`} in ${formatSeconds(performance.now() - start)}`,
  );
  return exitCode === 0;
}

await runMain(async () => {
  const wanted = process.argv.slice(2);
  const names = (await readdir(benchFolder))
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length))
    .toSorted();
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new SetupError(`No benchmark is called ${unknown.join(', ')}.`, `There are: ${names.join(', ')}`);
  }
  await ensureSystemPrograms([compiler, ...fleetPrograms]);
  await buildBundles();
  await ensurePlainText();
  await ensurePlainVision();
  await ensureSmolLM2();
  await ensureWheelhouse();
  const failed: string[] = [];
  for (const name of wanted.length > 0 ? wanted : names) {
    if (!(await runBenchmark(name))) failed.push(name);
  }
  if (failed.length > 0) process.stdout.write(`\nFailed: ${failed.join(', ')}\n`);
  return failed.length === 0 ? 0 : 1;
});
