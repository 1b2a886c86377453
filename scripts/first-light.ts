import path from 'node:path';
import { agentConfigSchema, DEFAULTS } from '@mlxfleet/protocol';
import { buildBundles } from './lib/build-bundles.ts';
import { runCommandLine } from './lib/first-light/command-line.ts';
import { howToCall } from './lib/first-light/how-to-call.ts';
import { watchAgent } from './lib/first-light/watch-agent.ts';
import { assertPortsFree, placeModel, writeLocalInventory } from './lib/first-light/local-fleet.ts';
import { StopRequest } from './lib/first-light/stop-request.ts';
import { ensureSmolLM2 } from './lib/models.ts';
import { checkout } from './lib/paths.ts';
import { say } from './lib/progress.ts';
import { findPython } from './lib/python.ts';
import { runMain, SetupError } from './lib/setup-error.ts';
import { compiler, ensureSystemPrograms } from './lib/system-packages.ts';

const MODEL = 'SmolLM2-135M-Instruct';
const QUESTION = 'What is the capital of France?';
const INTERRUPTED = 130;
const DRAIN_SECONDS = agentConfigSchema.parse({ version: 1 }).drain_seconds;

await runMain(async () => {
  process.stdout.write('mlxfleet: deploying to this machine\n\n');
  const { inventoryFile, root } = await writeLocalInventory(MODEL);
  await findPython();
  await assertPortsFree(root);
  const missing = await ensureSystemPrograms([compiler]);
  if (missing.length > 0) throw new SetupError('A compiler is missing: see above for how to install it.');
  await buildBundles();
  await placeModel(await ensureSmolLM2(), root);

  // Until here a signal may end the process as it likes: nothing is running yet.
  const stop = new StopRequest();
  const mlxfleet = ['--inventory', inventoryFile];
  const deployed = await runCommandLine([...mlxfleet, 'deploy', 'local'], stop);
  if (deployed !== 0) return stop.isRequested ? INTERRUPTED : deployed;
  try {
    if (stop.isRequested) return INTERRUPTED;
    process.stdout.write(`\n> ${QUESTION}\n`);
    const ask = ['chat', '--model', MODEL, '--temperature', '0', '--max-tokens', '64', 'local', QUESTION];
    const answered = await runCommandLine([...mlxfleet, ...ask], stop);
    if (answered !== 0) return stop.isRequested ? INTERRUPTED : answered;
    const shownInventory = path.relative(checkout, inventoryFile);
    process.stdout.write(howToCall(`http://127.0.0.1:${DEFAULTS.apiPort}/v1`, MODEL, shownInventory));
    const commandLine = `./bin/mlxfleet -i ${shownInventory}`;
    await watchAgent({ root, apiPort: DEFAULTS.apiPort, commandLine }, stop, say);
    return 0;
  } finally {
    say(`Stopping the agent: it finishes running requests, up to ${DRAIN_SECONDS} s …`);
    const stopped = await runCommandLine([...mlxfleet, 'stop', 'local']);
    say(stopped === 0 ? 'Stopped. npm start brings it back.' : 'The agent could not be stopped.');
  }
});
