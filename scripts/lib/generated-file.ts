import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { checkout } from './paths.ts';

/**
 * Writes a generated file, or with `--check` on the command line only compares it. Answers the exit code.
 * `file` is relative to the checkout.
 */
export async function generateFile(file: string, text: string): Promise<number> {
  const absolute = path.join(checkout, file);
  const script = path.relative(checkout, process.argv[1] ?? '');
  if (process.argv.includes('--check')) {
    const present = await readFile(absolute, 'utf8').catch(() => '');
    if (present === text) return 0;
    process.stderr.write(`${file} is out of date. Write it anew: node ${script}\n`);
    return 1;
  }
  await mkdir(path.dirname(absolute), { recursive: true });
  await writeFile(absolute, text);
  return 0;
}
