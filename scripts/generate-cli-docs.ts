import { buildProgram } from '../packages/cli/src/program.ts';
import { cliDocs } from './lib/cli-docs.ts';
import { generateFile } from './lib/generated-file.ts';

const program = buildProgram([], () => undefined);

process.exitCode = await generateFile('docs/cli.md', cliDocs(program));
