import { type AgentProcess, startAgent } from '../../test/support/agent-process.ts';
import type { TestModel } from '../../test/support/test-model.ts';
import { onInterrupt } from './on-interrupt.ts';
import type { BenchServer } from './peer-server.ts';

/** The agent with one model. `config` are further fields of its config.yaml. */
export async function startOurs(
  model: TestModel,
  config: Readonly<Record<string, unknown>> = {},
): Promise<BenchServer> {
  return serverOf(await startAgent({ models: [model], config }), model);
}

/** A running agent as a server of this model. */
export function serverOf(agent: AgentProcess, model: string): BenchServer {
  const forget = onInterrupt(() => {
    agent.process.kill('SIGTERM');
  });
  return {
    name: 'mlxfleet',
    port: Number(new URL(agent.url).port),
    model,
    pids: async () => {
      const { workers } = await agent.status();
      return [agent.pid, ...workers.map((worker) => worker.pid).filter((pid) => pid !== null)];
    },
    stop: async () => {
      forget();
      await agent.stop();
    },
  };
}
