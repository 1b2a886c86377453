import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { checkout } from './paths.ts';

const resultSchema = z.object({
  measuredAt: z.string(),
  machine: z.object({ platform: z.string(), processor: z.string(), cores: z.number(), memoryGB: z.number() }),
  tables: z.array(
    z.object({ title: z.string(), heading: z.array(z.string()), rows: z.array(z.array(z.string())) }),
  ),
});

/** The page with the tables of `bench/results` where it names one: `<!-- results: serving -->`. */
export async function fillResults(page: string): Promise<string> {
  const pieces = page.split(/(<!-- results: \S+ -->\n[\s\S]*?<!-- end of results -->)/);
  const filled = await Promise.all(
    pieces.map(async (piece) => {
      const name = /^<!-- results: (\S+) -->/.exec(piece)?.[1];
      return name === undefined
        ? piece
        : `<!-- results: ${name} -->\n${await section(name)}\n<!-- end of results -->`;
    }),
  );
  return filled.join('');
}

async function section(name: string): Promise<string> {
  const file = path.join(checkout, 'bench', 'results', `${name}.json`);
  const { measuredAt, machine, tables } = resultSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  const { processor, cores, memoryGB, platform } = machine;
  const when = measuredAt.slice(0, 16).replace('T', ' ');
  const measured = `Measured ${when} UTC: ${processor}, ${String(cores)} cores, ${String(memoryGB)} GB, ${platform}.`;
  const shown = tables.map(({ title, heading, rows }) =>
    [
      ...(title === '' ? [] : [`${title}:`, '']),
      row(heading),
      row(heading.map((_, column) => (column === 0 ? '--' : '--:'))),
      ...rows.map(row),
    ].join('\n'),
  );
  return [measured, ...shown].join('\n\n');
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
