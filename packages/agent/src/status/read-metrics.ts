import type { AgentServices } from '../agent-services.ts';
import { availableMemory } from './available-memory.ts';

const PRESSURES = ['normal', 'warn', 'critical'] as const;

/** The Prometheus exposition of both APIs. */
export async function readMetrics(services: AgentServices): Promise<string> {
  const { facts, metrics, pool, verdict } = services;
  return await metrics.read({
    models: () =>
      pool.runtimes.map((runtime) => {
        const memory = runtime.memory();
        const speculation = runtime.speculation();
        return {
          id: runtime.id,
          running: runtime.runningCount,
          waiting: runtime.waitingCount,
          loaded: runtime.isReady,
          memoryBytes: runtime.status().memory_bytes,
          prefixMemoryBytes: memory?.prefixCacheBytes ?? 0,
          prefixDiskBytes: memory?.prefixDiskBytes ?? 0,
          imageCacheBytes: memory?.imageCacheBytes ?? 0,
          featureCacheBytes: memory?.featureCacheBytes ?? 0,
          draftedTokens: speculation?.draftedTokens ?? 0,
          acceptedTokens: speculation?.acceptedTokens ?? 0,
        };
      }),
    memory: async () => ({
      availableBytes: await availableMemory(services),
      limitBytes: facts.memoryLimitBytes,
    }),
    pressure: () => PRESSURES.indexOf(verdict.pressure),
    refusing: () => verdict.refusal !== null,
  });
}
