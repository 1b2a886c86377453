import { constants } from 'node:fs';
import { access, chmod, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentConfig, CodedError, isLoopbackAddress, memoryTier } from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { adminApp } from './admin-app.ts';
import type { AgentServices } from './agent-services.ts';
import { ApiError } from './api-error.ts';
import { mainApp } from './app.ts';
import { API_ERRORS, PROCESS_ERRORS } from './errors.ts';
import { readOrMakeAdminToken } from './lifecycle/admin-token.ts';
import { machineType } from './lifecycle/host-facts.ts';
import { Lifecycle } from './lifecycle/lifecycle.ts';
import { listenOnPort, listenOnSocket, refuseSecondAgent } from './listen.ts';
import { MemoryGuard } from './memory/memory-guard.ts';
import type { MemoryReading } from './memory/memory-pressure.ts';
import { readSystemMemory, totalMemory } from './memory/system-memory.ts';
import { createMetrics } from './metrics/metrics.ts';
import { Throughput } from './metrics/throughput.ts';
import { PrefixDisk } from './models/admission/prefix-disk.ts';
import { ModelCatalog } from './models/catalog/catalog.ts';
import { Downloader } from './models/downloads/downloader.ts';
import { ModelPool } from './models/model-pool.ts';
import { ResponseStore } from './responses/response-store.ts';
import type { WorkerCommand } from './workers/worker-process.ts';
import type { WorkerTimes } from './workers/worker-times.ts';

export interface AgentOptions {
  /** Absolute. */
  readonly root: string;
  readonly config: AgentConfig;
  readonly worker: {
    /** Interpreter of the text environment, absolute. */
    readonly python: string;
    /** Interpreter of the vision environment, absolute; null or absent without one. */
    readonly visionPython?: string | null;
    /** Folder that holds mlxfleet_worker, absolute. */
    readonly source: string;
  };
  readonly release: string | null;
  readonly log: Logger;
  /** Steady clock, milliseconds; default the system's. */
  readonly now?: () => number;
  /** Default the system's. */
  readonly readMemory?: () => Promise<MemoryReading>;
  readonly workerTimes?: WorkerTimes;
  readonly heartbeatMs?: number;
}

/** A running agent. */
export interface Agent {
  readonly services: AgentServices;
  /** Refuses new work, finishes what runs within `drain_seconds`, ends the workers, closes everything. */
  stop(): Promise<void>;
  /** Ends the workers at once; the process is about to exit. */
  kill(): void;
}

const SWEEP_MS = 500;
const HEARTBEAT_MS = 15_000;
/** How long answers that are already written may take to leave. */
const FLUSH_MS = 2000;
const DRAIN_POLL_MS = 20;

/**
 * Starts an agent: both APIs listen when this resolves, models to preload may still be loading.
 * @throws CodedError when it cannot start; nothing is left behind then.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { config, log } = options;
  refuseUnprotectedBind(config);
  const folders = await makeFolders(options.root);
  const socketPath = path.join(folders.run, 'admin.sock');
  await refuseSecondAgent(socketPath);
  const services = await createServices(options, folders);
  const apps: FastifyInstance[] = [];
  try {
    const main = mainApp(services);
    const adminTcp = adminApp(services, 'tcp');
    const adminSocket = adminApp(services, 'socket');
    apps.push(main, adminTcp, adminSocket);
    services.ports.main = await listenOnPort(main, config.api.bind, config.api.port, 'main');
    services.ports.admin = await listenOnPort(adminTcp, '127.0.0.1', config.admin.port, 'admin');
    await listenOnSocket(adminSocket, socketPath);
  } catch (error) {
    await Promise.all(apps.map(async (app) => await app.close()));
    services.responses.close();
    throw error;
  }
  services.lifecycle.setObstacle(await workerObstacle(options.worker.python));
  const sweeper = setInterval(() => {
    services.pool.sweep(services.now());
  }, SWEEP_MS);
  log.info({ ...services.ports, release: options.release, root: options.root }, 'listening');
  services.guard.start();
  void preload(services);
  return {
    services,
    stop: async () => {
      services.guard.stop();
      await drain(services);
      clearInterval(sweeper);
      await close(apps);
      services.responses.close();
      await rm(socketPath, { force: true });
      log.info('stopped');
    },
    kill: () => {
      services.pool.kill();
    },
  };
}

interface Folders {
  readonly run: string;
  readonly logs: string;
  readonly shared: string;
  readonly models: string;
}

function refuseUnprotectedBind({ api }: AgentConfig): void {
  if (isLoopbackAddress(api.bind) || api.key_hashes.length > 0 || api.anonymous) return;
  throw new CodedError(
    PROCESS_ERRORS.BIND_UNPROTECTED,
    `the API would listen on ${api.bind} and ask nobody for a key`,
  );
}

async function makeFolders(root: string): Promise<Folders> {
  const shared = path.join(root, 'shared');
  const folders = {
    run: path.join(root, 'run'),
    logs: path.join(root, 'logs'),
    shared,
    models: path.join(shared, 'models'),
  };
  try {
    await mkdir(root, { recursive: true, mode: 0o700 });
    for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true, mode: 0o700 });
    // Also where it was there before: the admin socket is the owner's from the moment that it is made.
    await chmod(folders.run, 0o700);
  } catch (error) {
    throw new CodedError(PROCESS_ERRORS.ROOT_UNUSABLE, `cannot make the folders under ${root}`, {
      cause: error,
    });
  }
  return folders;
}

async function createServices(options: AgentOptions, folders: Folders): Promise<AgentServices> {
  const { config, log } = options;
  const now = options.now ?? (() => performance.now());
  const environment = { ...process.env, ...config.env };
  const hubHome = environment['HF_HOME'] ?? path.join(folders.models, 'hub');
  const hubCache = environment['HF_HUB_CACHE'] ?? path.join(hubHome, 'hub');
  const { python, source, visionPython = null } = options.worker;
  const command: WorkerCommand = {
    python,
    source,
    environment: { ...config.env, HF_HOME: hubHome, HF_HUB_CACHE: hubCache },
  };
  const isOffline = /^(1|true|yes|on)$/i.test(environment['HF_HUB_OFFLINE'] ?? '');
  const totalMemoryBytes = totalMemory();
  const tier = memoryTier(totalMemoryBytes);
  const idleTimeoutSeconds = config.idle_timeout_seconds ?? tier.idleTimeoutSeconds;
  const memoryLimitBytes = config.memory_limit_bytes ?? tier.memoryLimitBytes;
  const metrics = createMetrics();
  const throughput = new Throughput();
  const readMemory = options.readMemory ?? readSystemMemory;
  const prefixDisk = new PrefixDisk(path.join(folders.shared, 'state', 'prefix-cache'));
  const pool: ModelPool = new ModelPool({
    config,
    catalog: new ModelCatalog({
      models: folders.models,
      caches: [hubCache, hubHome],
      adapters: path.join(folders.shared, 'adapters'),
      aliases: config.models.flatMap(({ id, base, adapter }) => {
        return base === null || adapter === null ? [] : [{ id, base, adapter }];
      }),
    }),
    downloader: new Downloader(command, log, isOffline),
    // A worker loads from a folder; with the hub out of reach it cannot wait for it by mistake.
    command: { ...command, environment: { ...command.environment, HF_HUB_OFFLINE: '1' } },
    logs: folders.logs,
    log,
    metrics,
    throughput,
    now,
    idleTimeoutSeconds,
    memoryLimitBytes,
    visionPython,
    prefixDisk,
    readMemory,
    loadObstacle: () => guard.loadObstacle,
    ...(options.workerTimes === undefined ? {} : { times: options.workerTimes }),
  });
  const guard = new MemoryGuard({
    read: readMemory,
    residents: () => pool.residents(),
    limitBytes: memoryLimitBytes,
    now: () => performance.now(),
    log,
    act: (action) => {
      if (action.kind === 'shrink') pool.shrink(action.id, action.keepBytes);
      else void pool.evict(action.id, 'pressure');
    },
  });
  await prefixDisk.removeOthers((await pool.list()).map(({ id }) => id));
  return {
    config,
    facts: {
      release: options.release,
      machineType: await machineType(),
      totalMemoryBytes,
      idleTimeoutSeconds,
      memoryLimitBytes,
      adminToken: adminToken(path.join(folders.shared, 'admin-token')),
    },
    lifecycle: new Lifecycle(),
    pool,
    guard,
    metrics,
    throughput,
    responses: new ResponseStore({ folder: path.join(folders.shared, 'state'), log }),
    log,
    now,
    heartbeatMs: options.heartbeatMs ?? HEARTBEAT_MS,
    ports: { main: 0, admin: 0 },
  };
}

function adminToken(file: string): string {
  try {
    return readOrMakeAdminToken(file);
  } catch (error) {
    throw new CodedError(PROCESS_ERRORS.ROOT_UNUSABLE, `cannot write ${file}`, { cause: error });
  }
}

/** Why no worker can be started; null when one can. */
async function workerObstacle(python: string): Promise<string | null> {
  const isThere = await access(python, constants.X_OK).then(
    () => true,
    () => false,
  );
  return isThere ? null : 'The Python environment of the worker is missing. Deploy again.';
}

/**
 * Loads what the configuration wants loaded. Models that have to be downloaded first do not keep the agent from being
 * ready: that may take hours.
 */
async function preload({ config, lifecycle, log, pool }: AgentServices): Promise<void> {
  const wanted = config.models.filter((model) => model.preload || model.pin);
  const load = async (id: string): Promise<void> => {
    try {
      const runtime = await pool.acquire(id);
      await runtime.load();
    } catch (error) {
      log.error({ model: id, reason: error instanceof Error ? error.message : error }, 'preloading failed');
    }
  };
  await Promise.all(
    wanted.map(async ({ id }) => {
      const loaded = load(id);
      if ((await pool.find(id)) !== null) await loaded;
    }),
  );
  lifecycle.run();
}

async function drain({ config, lifecycle, log, pool }: AgentServices): Promise<void> {
  lifecycle.drain();
  log.info({ seconds: config.drain_seconds }, 'draining');
  const deadline = performance.now() + config.drain_seconds * 1000;
  const isBusy = (): boolean =>
    pool.runtimes.some(({ runningCount, waitingCount }) => runningCount + waitingCount > 0);
  while (isBusy() && performance.now() < deadline) await sleep(DRAIN_POLL_MS);
  await pool.shutDown(
    new ApiError(API_ERRORS.DRAINING, 'The agent stopped before the request was finished.'),
  );
}

async function close(apps: readonly FastifyInstance[]): Promise<void> {
  const timer = setTimeout(() => {
    for (const app of apps) app.server.closeAllConnections();
  }, FLUSH_MS);
  await Promise.all(apps.map(async (app) => await app.close()));
  clearTimeout(timer);
}
