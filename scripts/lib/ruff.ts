import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { checkout } from './paths.ts';
import { ensurePythonTool } from './python-tool.ts';
import { SetupError } from './setup-error.ts';

/** Absolute path of ruff in the version that requirements-dev.txt names. The check needs no more of Python than this. */
export async function ensureRuff(): Promise<string> {
  const requirements = await readFile(path.join(checkout, 'requirements-dev.txt'), 'utf8');
  const version = /^ruff==(\S+)/m.exec(requirements)?.[1];
  if (!version) throw new SetupError('requirements-dev.txt names no version of ruff.');
  return ensurePythonTool('ruff', version);
}
