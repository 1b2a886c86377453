import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from '../../../scripts/lib/hash.ts';
import { makeOnce } from '../../../scripts/lib/make-once.ts';
import { cacheFolder } from '../../../scripts/lib/paths.ts';
import { findPython } from '../../../scripts/lib/python.ts';
import { uv } from '../../../scripts/lib/uv.ts';
import { deployLock } from './requirements.ts';

/** An environment with Ansible and pyinfra as PyPI has them. Answers with its bin folder. */
export async function ensureToolsEnvironment(): Promise<string> {
  const [python, lock] = await Promise.all([findPython(), readFile(deployLock, 'utf8')]);
  const stamp = sha256(`${lock}\n${python.version}\n${python.executable}\n`);
  const folder = path.join(cacheFolder, 'envs', `deploy-tools-${stamp.slice(0, 12)}`);
  const bin = path.join(folder, 'bin');
  await makeOnce({
    folder,
    stamp,
    title: 'Building an environment for Ansible and pyinfra (about 80 MB)',
    inPlace: true,
    make: async () => {
      const target = path.join(bin, 'python');
      await uv(['venv', '--quiet', '--clear', '--python', python.executable, folder]);
      const options = ['--quiet', '--compile-bytecode', '--python', target, '--require-hashes'];
      await uv(['pip', 'sync', ...options, deployLock]);
    },
  });
  return bin;
}
