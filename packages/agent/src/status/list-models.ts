import type { ModelStatus } from '@mlxfleet/protocol';
import type { AgentServices } from '../agent-services.ts';
import type { ModelLocation } from '../models/catalog/catalog.ts';
import type { ModelPool } from '../models/model-pool.ts';
import type { ModelSettings } from '../models/model-settings.ts';
import { isWanted } from './is-wanted.ts';

interface ListedModel {
  /** Null for one that the configuration wants loaded and the host does not have. */
  readonly location: ModelLocation | null;
  readonly status: ModelStatus;
}

/**
 * Every model of this host by id, those that are only on disk as unloaded. What the configuration wants loaded and cannot
 * be is there as failed, whether the host has it or not. Of one whose files are gone, and that nobody wants, nothing is
 * told once it has failed or its worker has ended.
 */
export async function listModels({ config, pool }: AgentServices): Promise<ListedModel[]> {
  const onDisk = new Map((await pool.list()).map((location) => [location.id, location]));
  const { runtimes } = pool;
  const known = new Set(runtimes.map(({ id }) => id));
  const named = new Set([...onDisk.keys(), ...config.models.map(({ id }) => id)]);
  const wants = (id: string): boolean => isWanted(id, config, onDisk.has(id), pool.settings(id));
  const models = [
    ...runtimes
      .map((runtime) => ({
        location: runtime.location,
        isActive: runtime.isActive,
        status: asWanted(runtime.status(), pool.settings(runtime.id)),
      }))
      .filter(({ status: { id, state }, isActive }) => {
        return onDisk.has(id) || wants(id) || (isActive && state !== 'failed');
      }),
    ...[...named]
      .filter((id) => !known.has(id))
      .map((id) => {
        const location = onDisk.get(id) ?? null;
        return { location, status: withoutRuntime(pool, id, location) };
      }),
  ];
  return models
    .filter(({ location, status }) => location !== null || status.state === 'failed')
    .map(({ location, status }) => ({ location, status: { ...status, wanted: wants(status.id) } }))
    .toSorted((left, right) => (left.status.id < right.status.id ? -1 : 1));
}

/** A refusal leaves what is to be loaded all the time failed: it is not tried again before somebody asks for it. */
function asWanted(status: ModelStatus, { preload }: ModelSettings): ModelStatus {
  const isRefused = status.state === 'unloaded' && status.error !== null;
  return isRefused && (status.pinned || preload) ? { ...status, state: 'failed' } : status;
}

function withoutRuntime(pool: ModelPool, id: string, location: ModelLocation | null): ModelStatus {
  const status = unloaded(id, pool.settings(id));
  const problem = pool.unmetWish(id, location);
  return problem === null
    ? status
    : { ...status, state: 'failed', error: problem.details ?? problem.message };
}

/** The status of a model that has no worker. */
export function unloaded(id: string, { pin: pinned, idleTimeoutMs }: ModelSettings): ModelStatus {
  return {
    id,
    state: 'unloaded',
    memory_bytes: null,
    context_length: null,
    pinned,
    idle_timeout_seconds: pinned || idleTimeoutMs === null ? null : idleTimeoutMs / 1000,
    last_used_at: null,
    requests: { running: 0, waiting: 0 },
    error: null,
  };
}
