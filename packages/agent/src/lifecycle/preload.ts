import type { AgentServices } from '../agent-services.ts';

/**
 * Loads what the configuration wants loaded. Models that have to be downloaded first do not keep the agent from being
 * ready: that may take hours.
 */
export async function preload({ config, lifecycle, log, pool }: AgentServices): Promise<void> {
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
