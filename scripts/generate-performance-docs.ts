import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { generateFile } from './lib/generated-file.ts';
import { checkout } from './lib/paths.ts';
import { fillResults } from './lib/performance-docs.ts';

// The page is written by hand around its tables.
const file = 'docs/performance.md';
const page = await readFile(path.join(checkout, file), 'utf8');

process.exitCode = await generateFile(file, await fillResults(page));
