import { testModel, type TestModel } from '../../test/support/test-model.ts';
import { startOurs } from './our-server.ts';
import { type BenchServer, PEERS, startPeer } from './peer-server.ts';

/**
 * Runs a benchmark with our agent first and the peers after it, all of them up at the same time, and stops them.
 * @param wanted names of peers; none means all.
 * @param config further fields of our agent's config.yaml.
 */
export async function withServers(
  model: TestModel,
  wanted: readonly string[],
  measure: (servers: readonly BenchServer[]) => Promise<void>,
  config: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const folder = await testModel(model);
  const servers: BenchServer[] = [];
  try {
    servers.push(await startOurs(model, config));
    for (const peer of PEERS) {
      if (wanted.length === 0 || wanted.includes(peer.name)) servers.push(await startPeer(peer, folder));
    }
    await measure(servers);
  } finally {
    for (const server of servers) await server.stop();
  }
}
