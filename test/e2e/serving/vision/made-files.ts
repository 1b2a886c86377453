import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { workerSource } from '../../../../scripts/lib/paths.ts';
import { mustSucceed } from '../../../../scripts/lib/command.ts';
import { ensureVisionEnvironment } from '../../../../scripts/lib/vision-environment.ts';

/** A file that make_files.py has made, by its name. */
export type MadeFile = (name: string) => Buffer;

/** Has all files made, and takes them into memory. */
export async function makeFiles(): Promise<MadeFile> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'mlxfleet-files-'));
  try {
    await mustSucceed(
      await ensureVisionEnvironment(),
      [path.join(import.meta.dirname, 'make_files.py'), folder],
      'It needs the vision environment.',
      { env: { PYTHONPATH: path.join(workerSource, 'tests_vision'), PYTHONDONTWRITEBYTECODE: '1' } },
    );
    const files = new Map(readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name))]));
    return (name) => {
      const file = files.get(name);
      if (file === undefined) throw new Error(`make_files.py makes no ${name}`);
      return file;
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
