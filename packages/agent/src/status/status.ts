import { type AdminStatus, PROTOCOL_VERSION, type WorkerStatus } from '@mlxfleet/protocol';
import type { AgentServices } from '../agent-services.ts';
import type { ModelRuntime } from '../models/runtime/model-runtime.ts';
import { VERSION } from '../version.ts';
import { availableMemory } from './available-memory.ts';
import { missingModels } from './known-models.ts';
import { listModels } from './list-models.ts';

/** Models that have a worker, or whose worker rests after failures. */
export function activeRuntimes({ pool }: AgentServices): ModelRuntime[] {
  return pool.runtimes.filter((runtime) => runtime.isActive || runtime.isBroken);
}

/** `GET /admin/status`. */
export async function readStatus(services: AgentServices): Promise<AdminStatus> {
  const { config, facts, lifecycle, ports, pool, throughput, verdict } = services;
  const [listed, missing, availableBytes] = await Promise.all([
    listModels(services),
    missingModels(services),
    availableMemory(services),
  ]);
  const { runtimes } = pool;
  const models = listed.map(({ status }) => status);
  const workers = activeRuntimes(services).map((runtime) => runtime.workerStatus());
  const wanted = new Set(models.filter((model) => model.wanted === true).map(({ id }) => id));
  const [recent] = runtimes
    .filter((runtime) => runtime.isReady)
    .toSorted((left, right) => right.lastUsed - left.lastUsed);
  const recentBytes = recent?.status().memory_bytes ?? null;
  return {
    status: lifecycle.phase,
    version: VERSION,
    protocol_version: PROTOCOL_VERSION,
    release: facts.release,
    pid: process.pid,
    uptime_seconds: lifecycle.uptimeSeconds,
    ports,
    bind: config.api.bind,
    model: {
      loaded: recent !== undefined,
      name: recent?.id ?? null,
      memory_gb: recentBytes === null ? null : gibibytes(recentBytes),
    },
    models,
    missing,
    worker: summarise(workers.filter((worker) => isWorking(worker) || wanted.has(worker.model))),
    workers,
    requests: {
      running: models.reduce((sum, model) => sum + model.requests.running, 0),
      waiting: models.reduce((sum, model) => sum + model.requests.waiting, 0),
    },
    tokens_per_second: throughput.perSecond(services.now()),
    memory: {
      total_bytes: facts.totalMemoryBytes,
      used_bytes: availableBytes === null ? null : Math.max(0, facts.totalMemoryBytes - availableBytes),
      available_bytes: availableBytes,
      pressure: verdict.pressure,
      refusal: verdict.refusal,
    },
    config: {
      machine_type: facts.machineType,
      total_ram_gb: gibibytes(facts.totalMemoryBytes),
      idle_timeout_seconds: facts.idleTimeoutSeconds,
      memory_limit_bytes: facts.memoryLimitBytes,
    },
  };
}

/** Memory is sold in powers of two, and a 128 GB machine should say 128. */
function gibibytes(bytes: number): number {
  return Math.round((bytes / 1024 ** 3) * 100) / 100;
}

/** A model that nobody wants and that cannot be loaded is no trouble of the host: any client can ask for one. */
function isWorking({ state }: WorkerStatus): boolean {
  return state !== 'backoff' && state !== 'broken';
}

/** Worst first. */
const SEVERITY = ['broken', 'backoff', 'stopping', 'starting', 'loading', 'ready'] as const;

function summarise(workers: readonly WorkerStatus[]): AdminStatus['worker'] {
  const worst = SEVERITY.find((state) => workers.some((worker) => worker.state === state));
  return {
    healthy:
      workers.every((worker) => worker.healthy || worker.state !== 'ready') &&
      worst !== 'backoff' &&
      worst !== 'broken',
    status: worst ?? 'idle',
  };
}
