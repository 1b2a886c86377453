import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { EnvironmentKind } from '@mlxfleet/protocol';
import { sha256 } from './hash.ts';
import { readLockFile } from './lock-file.ts';
import { makeOnce } from './make-once.ts';
import { cacheFolder, checkout } from './paths.ts';
import { findPython } from './python.ts';
import { uv } from './uv.ts';

const developmentRequirements = path.join(checkout, 'requirements-dev.txt');

/**
 * One of the worker's environments as a host would have it, plus the tools of the Python tests. Built from the lock file
 * once, and again when the lock changes. Answers with its interpreter.
 */
export async function ensureWorkerEnvironment(kind: EnvironmentKind, title: string): Promise<string> {
  const [python, lock, development] = await Promise.all([
    findPython(),
    readLockFile(kind),
    readFile(developmentRequirements, 'utf8'),
  ]);
  const stamp = sha256(`${lock.text}\n${development}\n${python.version}\n${python.executable}\n`);
  const folder = path.join(cacheFolder, 'envs', `${kind}-${stamp.slice(0, 12)}`);
  const executable = path.join(folder, 'bin', 'python');
  await makeOnce({
    folder,
    stamp,
    title,
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
