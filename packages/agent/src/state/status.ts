import { type AdminStatus, type ModelStatus, PROTOCOL_VERSION, type WorkerStatus } from '@mlxfleet/protocol';
import { VERSION } from '../version.ts';
import type { AgentServices } from './agent-state.ts';

/** `GET /admin/status`. Models that are only on disk are listed as unloaded. */
export async function readStatus(services: AgentServices): Promise<AdminStatus> {
  const { config, facts, guard, lifecycle, ports, pool, throughput } = services;
  const [onDisk, reading] = await Promise.all([pool.list(), guard.read()]);
  const runtimes = pool.runtimes;
  const models = runtimes.map((runtime) => runtime.status());
  const known = new Set(models.map((model) => model.id));
  for (const { id } of onDisk) {
    if (known.has(id)) continue;
    const settings = config.models.find((model) => model.id === id);
    models.push(unloaded(id, settings?.pin ?? false, settings?.ttl_seconds ?? facts.idleTimeoutSeconds));
  }
  const workers = runtimes
    .filter((runtime) => runtime.isActive || runtime.isBroken)
    .map((runtime) => runtime.workerStatus());
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
      memory_gb: recentBytes === null ? null : gigabytes(recentBytes),
    },
    models: models.toSorted((left, right) => (left.id < right.id ? -1 : 1)),
    worker: summarise(workers),
    workers,
    requests: {
      running: models.reduce((sum, model) => sum + model.requests.running, 0),
      waiting: models.reduce((sum, model) => sum + model.requests.waiting, 0),
    },
    tokens_per_second: throughput.perSecond(services.now()),
    memory: {
      total_bytes: facts.totalMemoryBytes,
      used_bytes: Math.max(0, facts.totalMemoryBytes - reading.availableBytes),
      available_bytes: reading.availableBytes,
      pressure: guard.pressure,
      refusal: guard.refusal,
    },
    config: {
      machine_type: facts.machineType,
      total_ram_gb: gigabytes(facts.totalMemoryBytes),
      idle_timeout_seconds: facts.idleTimeoutSeconds,
      memory_limit_bytes: facts.memoryLimitBytes,
    },
  };
}

/** Memory is sold in powers of two, and a 128 GB machine should say 128. */
function gigabytes(bytes: number): number {
  return Math.round((bytes / 1024 ** 3) * 100) / 100;
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

function unloaded(id: string, pinned: boolean, idleTimeoutSeconds: number): ModelStatus {
  return {
    id,
    state: 'unloaded',
    memory_bytes: null,
    context_length: null,
    pinned,
    idle_timeout_seconds: pinned ? null : idleTimeoutSeconds,
    last_used_at: null,
    requests: { running: 0, waiting: 0 },
    error: null,
  };
}
