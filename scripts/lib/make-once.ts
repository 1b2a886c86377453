import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { withFileLock } from './file-lock.mjs';
import { formatSeconds, say } from './progress.ts';

export interface OnceOptions {
  /** Folder that is made. */
  readonly folder: string;
  /** Everything the content depends on: another text means making it again. */
  readonly stamp: string;
  /** Shown while it is made, such as "Building the text environment". */
  readonly title: string;
  /**
   * Makes the content of the empty folder it is given.
   * With `inPlace` that is `folder` itself, for content that remembers its own path (Python environments).
   */
  readonly make: (folder: string) => Promise<void>;
  readonly inPlace?: boolean;
}

/**
 * Makes a folder unless it is there with the same stamp. A folder without a stamp is one whose making was cut off, and is
 * made again. Safe when two commands ask for the same folder at once. Answers with the folder.
 */
export async function makeOnce(options: OnceOptions): Promise<string> {
  const { folder, stamp, title } = options;
  if (await isMade(folder, stamp)) return folder;
  const waiting = (holder: number): void => say(`${title}: waiting for process ${holder}, which is at it`);
  return withFileLock(
    `${folder}.lock`,
    async () => {
      if (await isMade(folder, stamp)) return folder;
      const start = performance.now();
      say(`${title} …`);
      const target = options.inPlace ? folder : `${folder}.new`;
      await rm(target, { recursive: true, force: true });
      await mkdir(target, { recursive: true });
      try {
        await options.make(target);
        await writeFile(path.join(target, stampName), stamp);
        if (!options.inPlace) {
          await rm(folder, { recursive: true, force: true });
          await rename(target, folder);
        }
      } finally {
        if (!options.inPlace) await rm(target, { recursive: true, force: true });
      }
      say(`${title}: done in ${formatSeconds(performance.now() - start)}`);
      return folder;
    },
    waiting,
  );
}

const stampName = '.made-from';

async function isMade(folder: string, stamp: string): Promise<boolean> {
  try {
    return (await readFile(path.join(folder, stampName), 'utf8')) === stamp;
  } catch {
    return false;
  }
}
