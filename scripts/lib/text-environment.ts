import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from './hash.ts';
import { makeOnce } from './make-once.ts';
import { cacheFolder, checkout } from './paths.ts';
import { findPython } from './python.ts';
import { readTextLock } from './text-lock.ts';
import { uv } from './uv.ts';

const developmentRequirements = path.join(checkout, 'requirements-dev.txt');

/**
 * The worker's text environment as a host would have it, plus the tools of the Python tests. Built from the lock file
 * once, and again when the lock changes. Answers with its interpreter.
 */
export async function ensureTextEnvironment(): Promise<string> {
  const [python, lock, development] = await Promise.all([
    findPython(),
    readTextLock(),
    readFile(developmentRequirements, 'utf8'),
  ]);
  const stamp = sha256(`${lock.text}\n${development}\n${python.version}\n${python.executable}\n`);
  const folder = path.join(cacheFolder, 'envs', `text-${stamp.slice(0, 12)}`);
  const executable = path.join(folder, 'bin', 'python');
  await makeOnce({
    folder,
    stamp,
    title: 'Building the Python environment of the worker (about 280 MB)',
    inPlace: true,
    make: async () => {
      await uv(['venv', '--quiet', '--clear', '--python', python.executable, folder]);
      await uv(['pip', 'sync', '--quiet', '--python', executable, '--require-hashes', lock.file]);
      await uv([
        'pip',
        'install',
        '--quiet',
        '--python',
        executable,
        '--requirement',
        developmentRequirements,
      ]);
    },
  });
  return executable;
}
