import type { AgentServices } from '../state/agent-state.ts';

/** The Prometheus exposition of both APIs. */
export async function readMetrics({ metrics, pool }: AgentServices): Promise<string> {
  return await metrics.read({
    models: () =>
      pool.runtimes.map((runtime) => ({
        id: runtime.id,
        running: runtime.runningCount,
        waiting: runtime.waitingCount,
        loaded: runtime.isReady,
        memoryBytes: runtime.status().memory_bytes,
      })),
  });
}
