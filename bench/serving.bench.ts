/**
 * The agent against other servers for the same model, and against mlx-lm's batching without any server, with the same
 * client in one run: rounds in turn, so that a noisy minute hits all of them. Tokens/s counts completion tokens of all
 * clients over the wall time of the round.
 *
 * Arguments: names of peers; none means all.
 */
import { ensureTextEnvironment } from '../scripts/lib/text-environment.ts';
import { testModel } from '../test/support/test-model.ts';
import { startRawLoop } from './lib/raw-loop.ts';
import { publish } from './lib/report.ts';
import { measureServing, type ServingResult, servingTables } from './lib/serving.ts';
import { withServers } from './lib/with-servers.ts';

const MODEL = 'plain-text';
const CLIENTS = [1, 8, 32, 64];
const ROUNDS = 3;

let scenarios: ServingResult[] = [];
const raw = await startRawLoop(await testModel(MODEL), await ensureTextEnvironment());
await withServers(MODEL, process.argv.slice(2), async (servers) => {
  scenarios = await measureServing(servers, raw, CLIENTS, ROUNDS);
}).finally(async () => {
  await raw.stop();
});
await publish('serving', { model: MODEL, rounds: ROUNDS, scenarios }, servingTables(scenarios, ROUNDS));
