import { PYTHON_RANGE_TEXT, PYTHON_VERSIONS } from '@mlxfleet/protocol';
import { capture } from './command.ts';
import { SetupError } from './setup-error.ts';

export interface Python {
  /** Absolute path of the interpreter itself, not of a version manager's shim. */
  readonly executable: string;
  /** Such as "3.11". */
  readonly version: string;
}

let found: Promise<Python> | undefined;

/**
 * A Python that the worker runs on, on this machine: MLXFLEET_PYTHON when set, else the first that fits on PATH.
 * @throws {SetupError} when there is none.
 */
export function findPython(): Promise<Python> {
  found ??= search();
  return found;
}

async function search(): Promise<Python> {
  const wanted = process.env['MLXFLEET_PYTHON'];
  const names = wanted
    ? [wanted]
    : ['python3', ...PYTHON_VERSIONS.toReversed().map((version) => `python${version}`)];
  const seen: string[] = [];
  for (const name of names) {
    const python = await inspect(name);
    if (python === null) continue;
    if (PYTHON_VERSIONS.includes(python.version)) return python;
    seen.push(`${python.executable} is ${python.version}`);
  }
  throw new SetupError(
    `Python ${PYTHON_RANGE_TEXT} is needed${seen.length > 0 ? ` (${seen.join(', ')})` : ' and none was found'}.`,
    process.platform === 'darwin'
      ? 'Install one, for example: brew install python@3.12'
      : 'Install one, for example: apt-get install python3 python3-venv, or set MLXFLEET_PYTHON to its path.',
  );
}

async function inspect(name: string): Promise<Python | null> {
  const program = 'import sys; print(sys.executable); print("%d.%d" % sys.version_info[:2])';
  const result = await capture(name, ['-I', '-c', program]).catch(() => null);
  const [executable, version] = result?.stdout.trim().split('\n') ?? [];
  return result?.exitCode === 0 && executable && version ? { executable, version } : null;
}
