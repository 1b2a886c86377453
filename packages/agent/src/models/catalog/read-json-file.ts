import { readFile, stat } from 'node:fs/promises';

/** Larger than any real one; a device or a huge file in its place must not cost the agent its memory. */
export const LARGEST_JSON_BYTES = 16 * 1024 * 1024;

/** The content of a JSON file; null when it is missing, too large, or no JSON. */
export async function readJsonFile(file: string): Promise<unknown> {
  try {
    const found = await stat(file);
    if (!found.isFile() || found.size > LARGEST_JSON_BYTES) return null;
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return null;
  }
}
