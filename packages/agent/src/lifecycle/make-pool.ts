import path from 'node:path';
import type { AgentServices } from '../agent-services.ts';
import { PrefixDisk } from '../models/admission/prefix-disk.ts';
import { ModelCatalog } from '../models/catalog/catalog.ts';
import { Downloader } from '../models/downloads/downloader.ts';
import { mediaSettings } from '../models/media-settings.ts';
import { ModelPool } from '../models/model-pool.ts';
import type { WorkerCommand } from '../workers/worker-process.ts';
import type { AgentOptions } from './agent-options.ts';
import type { Folders } from './folders.ts';
import { type HubEnvironment, hubEnvironment } from './hub-environment.ts';

/** What the pool works with. */
export type PoolServices = Pick<
  AgentServices,
  'config' | 'facts' | 'log' | 'memory' | 'metrics' | 'now' | 'throughput' | 'verdict'
>;

/** The models of this host, none of them loaded. What earlier agents kept of models that are gone is removed. */
export async function makePool(
  options: AgentOptions,
  folders: Folders,
  services: PoolServices,
): Promise<ModelPool> {
  const { config, facts, log, memory, verdict } = services;
  const { python, source, visionPython = null } = options.worker;
  const hub = hubEnvironment({ ...process.env, ...config.env }, folders.models);
  const command: WorkerCommand = {
    python,
    source,
    environment: { ...config.env, HF_HOME: hub.home, HF_HUB_CACHE: hub.cache },
  };
  const prefixDisk = new PrefixDisk(path.join(folders.shared, 'state', 'prefix-cache'));
  const pool = new ModelPool({
    ...services,
    catalog: makeCatalog(services, folders, hub, visionPython !== null),
    downloader: new Downloader(command, log, hub.isOffline),
    // A worker loads from a folder; with the hub out of reach it cannot wait for it by mistake.
    command: { ...command, environment: { ...command.environment, HF_HUB_OFFLINE: '1' } },
    logs: folders.logs,
    idleTimeoutSeconds: facts.idleTimeoutSeconds,
    memoryLimitBytes: facts.memoryLimitBytes,
    visionPython,
    prefixDisk,
    media: mediaSettings(config.images, facts.totalMemoryBytes, folders.spool),
    readMemory: async () => await memory.readNow(),
    loadObstacle: () => verdict.loadObstacle,
    ...(options.workerTimes === undefined ? {} : { times: options.workerTimes }),
  });
  await prefixDisk.removeOthers((await pool.list()).map(({ id }) => id));
  return pool;
}

function makeCatalog(
  { config }: PoolServices,
  folders: Folders,
  hub: HubEnvironment,
  hasVisionEnvironment: boolean,
): ModelCatalog {
  return new ModelCatalog({
    models: folders.models,
    caches: [hub.cache, hub.home],
    adapters: path.join(folders.shared, 'adapters'),
    aliases: config.models.flatMap(({ id, base, adapter }) => {
      return base === null || adapter === null ? [] : [{ id, base, adapter }];
    }),
    hasVisionEnvironment,
  });
}
