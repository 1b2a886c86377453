import * as agentCatalog from '../packages/agent/src/errors.ts';
import * as commandLineCatalog from '../packages/cli/src/errors.ts';
import { definitionsIn, errorDocs } from './lib/error-docs.ts';
import { generateFile } from './lib/generated-file.ts';

const text = errorDocs([
  {
    title: 'Command line',
    introduction: 'Exit codes are in [cli.md](cli.md).',
    errors: definitionsIn(commandLineCatalog),
  },
  {
    title: 'Agent',
    introduction:
      'On both HTTP APIs the body is `{"error": {"message", "type", "param", "code"}}`, with the code in lower case. ' +
      'A number is the HTTP status; errors without one are those of the process itself, in its log.',
    errors: definitionsIn(agentCatalog),
  },
]);

process.exitCode = await generateFile('docs/errors.md', text);
