import { parseArgs } from 'node:util';
import { gate } from './gate.ts';
import { printStatus } from './status.ts';

// Helper of the scripts that run on a host. No dependencies, so that it starts within a few dozen milliseconds.

const HELP = `node control.mjs status --root DIR
    prints the status of the agent as one line of JSON; exit code 3 when none answers within 2 s
node control.mjs gate --root DIR --release ID [--model ID] [--ready-only] [--timeout SECONDS]
    waits until the agent of that release can serve and, unless --ready-only, has answered a chat completion, and one
    about an image when its configuration names a vision model that the host has;
    prints one JSON object a line: {"event": "ready" | "completion" | "left-out" | "failed", …}
`;

const DEFAULT_GATE_SECONDS = 120;
const EXIT_USAGE = 2;

async function run(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      root: { type: 'string' },
      release: { type: 'string' },
      model: { type: 'string' },
      'ready-only': { type: 'boolean', default: false },
      timeout: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const [command] = positionals;
  const { root, release, model } = values;
  if (command === 'status' && root !== undefined) return await printStatus(root);
  const timeoutSeconds = Number(values.timeout ?? DEFAULT_GATE_SECONDS);
  if (command === 'gate' && root !== undefined && release !== undefined && timeoutSeconds > 0) {
    return await gate({
      root,
      release,
      model: model ?? null,
      readyOnly: values['ready-only'],
      timeoutMs: timeoutSeconds * 1000,
    });
  }
  process.stdout.write(HELP);
  return values.help === true ? 0 : EXIT_USAGE;
}

try {
  process.exitCode = await run();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${HELP}`);
  process.exitCode = EXIT_USAGE;
}
