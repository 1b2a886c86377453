import { rm } from 'node:fs/promises';
import path from 'node:path';
import { capture, mustSucceed } from './command.ts';
import { makeOnce } from './make-once.ts';
import { cacheFolder } from './paths.ts';
import { findPython } from './python.ts';

const ONLINE_HINT =
  'Is this machine online, and can pip reach its package index? It is needed once; later runs work offline.';

/**
 * Runs pip with the arguments given.
 * @throws {SetupError} with pip's last lines when it fails.
 */
export async function pip(argv: readonly string[]): Promise<string> {
  return mustSucceed(
    await pythonWithPip(),
    ['-m', 'pip', '--disable-pip-version-check', '--no-input', ...argv],
    ONLINE_HINT,
  );
}

/**
 * Downloads the wheels that a requirements file names with their hashes, without what they depend on, into a folder.
 * @throws {SetupError} also when a file's SHA-256 is not one of those given.
 */
export async function downloadWheels(requirementsFile: string, folder: string): Promise<void> {
  await pip([
    'download',
    '--quiet',
    '--no-deps',
    '--require-hashes',
    '--only-binary',
    ':all:',
    '--dest',
    folder,
    '--requirement',
    requirementsFile,
  ]);
}

let chosen: Promise<string> | undefined;

/** Debian ships Python without pip; a venv brings its own when python3-venv is there. */
function pythonWithPip(): Promise<string> {
  chosen ??= (async () => {
    const python = await findPython();
    const probe = await capture(python.executable, ['-m', 'pip', '--version']);
    if (probe.exitCode === 0) return python.executable;
    const folder = await makeOnce({
      folder: path.join(cacheFolder, 'pip'),
      stamp: `${python.executable} ${python.version}\n`,
      title: 'Making a Python environment that has pip',
      inPlace: true,
      make: async (target) => {
        await rm(target, { recursive: true, force: true });
        await mustSucceed(
          python.executable,
          ['-m', 'venv', target],
          `${python.executable} has neither pip nor ensurepip. On Debian and Ubuntu: apt-get install python3-pip python3-venv`,
        );
      },
    });
    return path.join(folder, 'bin', 'python');
  })();
  return chosen;
}
