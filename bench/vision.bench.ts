/**
 * Images and documents: our agent against mlx_vlm's server, both up at the same time with the same model and the same
 * requests, in turn. Every image is new to both, but where a request says that it is asked about again. A request that
 * fails ends the benchmark.
 */
import { publish } from './lib/report.ts';
import { interferenceTable, measureInterference } from './lib/vision/interference.ts';
import { loadTable, measureLoad } from './lib/vision/load.ts';
import { measureSingle, singleTable } from './lib/vision/single.ts';
import { withServers } from './lib/with-servers.ts';

const MODEL = 'plain-vision';
const CLIENTS = [1, 4, 8];
/** One client alone sends more of them, so that its figures are not of two requests a round. */
const requestsPerClient = (clients: number): number => (clients === 1 ? 4 : 2);
const ROUNDS = 3;

await withServers(MODEL, ['mlx_vlm.server'], async (servers) => {
  const load = await measureLoad(servers, {
    clients: CLIENTS,
    requestsPerClient,
    rounds: ROUNDS,
  });
  const single = await measureSingle(servers, ROUNDS);
  const interference = await measureInterference(servers, ROUNDS);
  await publish('vision', { model: MODEL, rounds: ROUNDS, load, single, interference }, [
    loadTable(load, ROUNDS),
    singleTable(single, ROUNDS),
    interferenceTable(interference, ROUNDS),
  ]);
});
