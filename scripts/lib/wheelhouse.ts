import path from 'node:path';
import { sha256 } from './hash.ts';
import { makeOnce } from './make-once.ts';
import { cacheFolder } from './paths.ts';
import { downloadWheels } from './pip.ts';
import { findPython } from './python.ts';
import { readLockFile } from './lock-file.ts';

/**
 * A folder with every wheel of the text environment's lock file, for hosts that reach no package index
 * (`python.find_links` in an inventory). The wheels are of this machine's platform and Python version.
 */
export async function ensureWheelhouse(): Promise<string> {
  const [python, lock] = await Promise.all([findPython(), readLockFile('text')]);
  const stamp = sha256(`${lock.text}\n${python.version}\n`);
  return makeOnce({
    folder: path.join(cacheFolder, 'wheelhouse'),
    stamp,
    title: 'Downloading the wheels of the worker for hosts without an index',
    make: (target) => downloadWheels(lock.file, target),
  });
}
