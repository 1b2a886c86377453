import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { UNSUPPORTED_NOTES } from '../packages/protocol/src/index.ts';
import { generateFile } from './lib/generated-file.ts';
import { fillTables, optionTable } from './lib/openai-docs.ts';
import { ENDPOINTS } from './lib/openai-endpoints.ts';
import { checkout } from './lib/paths.ts';

// The page is written by hand around its tables.
const file = 'docs/openai-api.md';
const page = await readFile(path.join(checkout, file), 'utf8');
const tables = new Map(
  ENDPOINTS.map((endpoint) => [endpoint.route, optionTable(endpoint, UNSUPPORTED_NOTES)]),
);

process.exitCode = await generateFile(file, fillTables(page, tables));
