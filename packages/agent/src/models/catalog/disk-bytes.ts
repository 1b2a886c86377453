import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** Bytes of all files in a folder and its subfolders, and of the files that its links lead to; 0 without a folder. */
export async function diskBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries
      .filter((entry) => !entry.isDirectory())
      .map(async ({ parentPath, name }) => {
        const found = await stat(path.join(parentPath, name)).catch(() => null);
        return found?.isFile() === true ? found.size : 0;
      }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
