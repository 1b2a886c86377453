import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { AgentServices } from './agent-services.ts';
import { closeApis, openApis } from './apis.ts';
import type { AgentOptions } from './lifecycle/agent-options.ts';
import { createServices } from './lifecycle/create-services.ts';
import { drain } from './lifecycle/drain.ts';
import { makeFolders } from './lifecycle/folders.ts';
import { preload } from './lifecycle/preload.ts';
import { workerObstacle } from './lifecycle/worker-obstacle.ts';
import { refuseSecondAgent, refuseUnprotectedBind } from './listen.ts';

/** A running agent. */
export interface Agent {
  readonly services: AgentServices;
  /** Refuses new work, finishes what runs within `drain_seconds`, ends the workers, closes everything. */
  stop(): Promise<void>;
  /** Ends the workers at once; the process is about to exit. */
  kill(): void;
}

const SWEEP_MS = 500;

/**
 * Starts an agent: both APIs listen when this resolves, models to preload may still be loading.
 * @throws CodedError when it cannot start; nothing is left behind then.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { config, log, release, root } = options;
  refuseUnprotectedBind(config);
  const folders = await makeFolders(root);
  const socketPath = path.join(folders.run, 'admin.sock');
  await refuseSecondAgent(socketPath);
  const services = await createServices(options, folders);
  const { guard, lifecycle, media, pool, ports, responses } = services;
  const apis = await openApis(services, socketPath).catch((error: unknown) => {
    responses.close();
    throw error;
  });
  lifecycle.setObstacle(await workerObstacle(options.worker.python));
  const sweeper = setInterval(() => {
    pool.sweep(services.now());
  }, SWEEP_MS);
  log.info({ ...ports, release, root }, 'listening');
  guard.start();
  void preload(services);
  return {
    services,
    stop: async () => {
      guard.stop();
      await drain(services);
      clearInterval(sweeper);
      await closeApis(apis);
      responses.close();
      media.clear();
      await rm(socketPath, { force: true });
      log.info('stopped');
    },
    kill: () => {
      pool.kill();
      media.clear();
    },
  };
}
