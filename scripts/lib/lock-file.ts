import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { EnvironmentKind } from '@mlxfleet/protocol';
import { workerSource } from './paths.ts';
import { SetupError } from './setup-error.ts';

const platformNames: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x86_64',
  'darwin-arm64': 'macos-arm64',
};

export interface LockFile {
  /** The lock file with the hash of every wheel of the environment. */
  readonly file: string;
  readonly text: string;
  /** Such as "linux-x86_64". */
  readonly platform: string;
}

/**
 * The lock file of a worker's environment for this machine.
 * @throws {SetupError} on a platform that has none.
 */
export async function readLockFile(kind: EnvironmentKind): Promise<LockFile> {
  const platform = platformNames[`${process.platform}-${process.arch}`];
  if (!platform) {
    throw new SetupError(
      `There are no locked Python packages for ${process.platform}-${process.arch}.`,
      `Supported: ${Object.keys(platformNames).join(', ')}.`,
    );
  }
  const file = path.join(workerSource, 'locks', `${kind}-${platform}.txt`);
  return { file, text: await readFile(file, 'utf8'), platform };
}
