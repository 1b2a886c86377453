import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

const resultsFolder = path.join(import.meta.dirname, '..', 'results');

/** Writes `bench/results/<name>.json` with the machine's description beside the figures. */
export async function writeResult(name: string, figures: unknown): Promise<void> {
  const machine = {
    platform: `${os.platform()}-${os.arch()}`,
    processor: os.cpus()[0]?.model ?? 'unknown',
    cores: os.cpus().length,
    memoryGB: Math.round(os.totalmem() / 1e9),
    node: process.version,
  };
  await mkdir(resultsFolder, { recursive: true });
  const document = { name, measuredAt: new Date().toISOString(), machine, figures };
  await writeFile(path.join(resultsFolder, `${name}.json`), `${JSON.stringify(document, null, 2)}\n`);
}

/** A table with a heading row, columns padded to their widest cell, numbers aligned to the right. */
export function formatTable(heading: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const widths = heading.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const formatRow = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  return [heading, ...rows].map(formatRow).join('\n');
}
