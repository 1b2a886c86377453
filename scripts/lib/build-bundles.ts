import path from 'node:path';
import { capture } from './command.ts';
import { withFileLock } from './file-lock.mjs';
import { cacheFolder, checkout } from './paths.ts';
import { formatSeconds, say } from './progress.ts';
import { SetupError } from './setup-error.ts';

/**
 * Builds the agent's and the command line's bundles.
 * @throws {SetupError} with what the bundler printed.
 */
export async function buildBundles(): Promise<void> {
  const start = performance.now();
  await withFileLock(path.join(cacheFolder, 'build.lock'), buildAll);
  say(`Agent and command line built in ${formatSeconds(performance.now() - start)}`);
}

async function buildAll(): Promise<void> {
  await Promise.all(
    ['agent', 'cli'].map(async (name) => {
      const script = path.join(checkout, 'packages', name, 'build.ts');
      const result = await capture(process.execPath, ['--disable-warning=ExperimentalWarning', script], {
        cwd: checkout,
      });
      if (result.exitCode !== 0) {
        throw new SetupError(`packages/${name} does not build:\n${result.output.trimEnd()}`);
      }
    }),
  );
}
