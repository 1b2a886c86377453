import path from 'node:path';
import { CodedError } from '@mlxfleet/protocol';
import type { AgentServices } from '../agent-services.ts';
import { PROCESS_ERRORS } from '../errors.ts';
import { makeFetchMedia } from '../media/fetch/make-fetch-media.ts';
import { MediaStore } from '../media/media-store.ts';
import { spoolBytes } from '../media/spool-bytes.ts';
import { Spool } from '../media/spool.ts';
import { MemoryGuard } from '../memory/memory-guard.ts';
import { MemoryVerdict } from '../memory/memory-verdict.ts';
import { MemoryReader } from '../memory/memory-reader.ts';
import { readSystemMemory } from '../memory/system-memory.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { Throughput } from '../metrics/throughput.ts';
import type { ModelPool } from '../models/model-pool.ts';
import { ResponseStore } from '../responses/response-store.ts';
import { agentFacts } from './agent-facts.ts';
import type { AgentOptions } from './agent-options.ts';
import type { Folders } from './folders.ts';
import { Lifecycle } from './lifecycle.ts';
import { makePool, type PoolServices } from './make-pool.ts';

const HEARTBEAT_MS = 15_000;

/**
 * Everything that the agent works with, not yet at work.
 * @throws CodedError ROOT_UNUSABLE.
 */
export async function createServices(options: AgentOptions, folders: Folders): Promise<AgentServices> {
  const { config, log } = options;
  const first: PoolServices = {
    config,
    log,
    facts: await agentFacts(options, folders),
    now: options.now ?? (() => performance.now()),
    memory: new MemoryReader(options.readMemory ?? readSystemMemory),
    metrics: createMetrics(),
    throughput: new Throughput(),
    verdict: new MemoryVerdict(),
  };
  const pool = await makePool(options, folders, first);
  const lifecycle = new Lifecycle();
  const spool = await emptySpool(folders.spool, spoolBytes(config.images));
  return {
    ...first,
    pool,
    guard: makeGuard(first, pool),
    lifecycle,
    media: new MediaStore({
      settings: config.images,
      spool,
      fetch: options.fetchMedia ?? makeFetchMedia(),
      stopping: lifecycle.stopping,
    }),
    responses: new ResponseStore({ folder: path.join(folders.shared, 'state'), log }),
    heartbeatMs: options.heartbeatMs ?? HEARTBEAT_MS,
    ports: { main: 0, admin: 0 },
  };
}

async function emptySpool(folder: string, mostBytes: number): Promise<Spool> {
  const spool = new Spool({ folder, mostBytes });
  try {
    await spool.prepare();
  } catch (error) {
    throw new CodedError(PROCESS_ERRORS.ROOT_UNUSABLE, `cannot empty ${folder}`, { cause: error });
  }
  return spool;
}

function makeGuard({ facts, log, memory, verdict }: PoolServices, pool: ModelPool): MemoryGuard {
  return new MemoryGuard({
    read: async () => await memory.read(),
    residents: () => pool.residents(),
    limitBytes: facts.memoryLimitBytes,
    now: () => performance.now(),
    log,
    verdict,
    act: (action) => {
      if (action.kind === 'shrink') pool.shrink(action.id, action.keepBytes);
      else pool.evict(action.id, 'pressure').catch(() => {});
    },
  });
}
