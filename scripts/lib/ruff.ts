import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { makeOnce } from './make-once.ts';
import { cacheFolder, checkout } from './paths.ts';
import { pip } from './pip.ts';
import { SetupError } from './setup-error.ts';

/** Absolute path of ruff in the version that requirements-dev.txt names. The check needs no more of Python than this. */
export async function ensureRuff(): Promise<string> {
  const requirements = await readFile(path.join(checkout, 'requirements-dev.txt'), 'utf8');
  const requirement = /^ruff==\S+/m.exec(requirements)?.[0];
  if (!requirement) throw new SetupError('requirements-dev.txt names no version of ruff.');
  const folder = await makeOnce({
    folder: path.join(cacheFolder, 'ruff'),
    stamp: `${requirement} ${process.platform}-${process.arch}\n`,
    title: `Fetching ${requirement}`,
    make: async (target) => {
      await pip([
        'install',
        '--quiet',
        '--no-deps',
        '--only-binary',
        ':all:',
        '--target',
        target,
        requirement,
      ]);
    },
  });
  return path.join(folder, 'bin', 'ruff');
}
