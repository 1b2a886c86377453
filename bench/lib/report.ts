import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

const resultsFolder = path.join(import.meta.dirname, '..', 'results');

/** A table of results, as it is printed and as docs/performance.md shows it. */
export interface ResultTable {
  /** Empty where there is one table only. */
  readonly title: string;
  readonly heading: readonly string[];
  readonly rows: ReadonlyArray<readonly string[]>;
}

/**
 * Prints the tables, and writes `bench/results/<name>.json` with them, the figures and the machine's description.
 * @param accelerator name of the device that runs the model; null for the processor.
 */
export async function publish(
  name: string,
  figures: unknown,
  tables: readonly ResultTable[],
  accelerator: string | null = null,
): Promise<void> {
  for (const { title, heading, rows } of tables) {
    console.log(`${title === '' ? '' : `${title}\n`}${formatTable(heading, rows)}\n`);
  }
  const machine = {
    platform: `${os.platform()}-${os.arch()}`,
    processor: [os.cpus()[0]?.model ?? 'unknown', accelerator].filter((part) => part !== null).join(', '),
    cores: os.cpus().length,
    memoryGB: Math.round(os.totalmem() / 1e9),
    node: process.version,
  };
  await mkdir(resultsFolder, { recursive: true });
  const document = { name, measuredAt: new Date().toISOString(), machine, tables, figures };
  await writeFile(path.join(resultsFolder, `${name}.json`), `${JSON.stringify(document, null, 2)}\n`);
}

/** A table with a heading row, columns padded to their widest cell, numbers aligned to the right. */
function formatTable(heading: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
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
