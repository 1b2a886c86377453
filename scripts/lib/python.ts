import { capture } from './command.ts';
import { SetupError } from './setup-error.ts';

export interface Python {
  /** Absolute path of the interpreter itself, not of a version manager's shim. */
  readonly executable: string;
  /** Such as "3.11". */
  readonly version: string;
}

const OLDEST_MINOR = 11;
/** The newest that the locked wheels exist for. */
const NEWEST_MINOR = 14;

let found: Promise<Python> | undefined;

/**
 * A Python 3.11 or later on this machine: MLXFLEET_PYTHON when set, else the first that fits on PATH.
 * @throws {SetupError} when there is none.
 */
export function findPython(): Promise<Python> {
  found ??= search();
  return found;
}

async function search(): Promise<Python> {
  const wanted = process.env['MLXFLEET_PYTHON'];
  const names = wanted ? [wanted] : ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.14'];
  const seen: string[] = [];
  for (const name of names) {
    const python = await inspect(name);
    if (python === null) continue;
    const minor = Number(python.version.split('.')[1]);
    if (python.version.startsWith('3.') && minor >= OLDEST_MINOR && minor <= NEWEST_MINOR) return python;
    seen.push(`${python.executable} is ${python.version}`);
  }
  throw new SetupError(
    `Python 3.${OLDEST_MINOR} to 3.${NEWEST_MINOR} is needed${seen.length > 0 ? ` (${seen.join(', ')})` : ' and none was found'}.`,
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
