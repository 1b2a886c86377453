import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from './hash.ts';
import { makeOnce } from './make-once.ts';
import { cacheFolder, checkout } from './paths.ts';
import { findPython } from './python.ts';
import { uv } from './uv.ts';

export const clientsRequirements = path.join(checkout, 'requirements-clients.txt');

/** Not beside the worker's locks, which are part of every release. */
export const clientsLock = path.join(checkout, 'test', 'e2e', 'clients', 'clients-lock.txt');

/** An environment with the Python clients that the API is tested with. Answers with its interpreter. */
export async function ensureClientsEnvironment(): Promise<string> {
  const [python, lock] = await Promise.all([findPython(), readFile(clientsLock, 'utf8')]);
  const stamp = sha256(`${lock}\n${python.version}\n${python.executable}\n`);
  const folder = path.join(cacheFolder, 'envs', `clients-${stamp.slice(0, 12)}`);
  const executable = path.join(folder, 'bin', 'python');
  await makeOnce({
    folder,
    stamp,
    title: 'Building the environment of the Python clients (about 60 MB)',
    inPlace: true,
    make: async () => {
      await uv(['venv', '--quiet', '--clear', '--python', python.executable, folder]);
      await uv(['pip', 'sync', '--quiet', '--python', executable, '--require-hashes', clientsLock]);
    },
  });
  return executable;
}
