import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentServices } from '../agent-services.ts';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';

const POLL_MS = 20;

/** Takes nothing new in, waits for what runs as long as the configuration allows, and ends every worker. */
export async function drain({ config, lifecycle, log, pool }: AgentServices): Promise<void> {
  lifecycle.drain();
  log.info({ seconds: config.drain_seconds }, 'draining');
  const deadline = performance.now() + config.drain_seconds * 1000;
  const isBusy = (): boolean =>
    pool.runtimes.some(({ runningCount, waitingCount }) => runningCount + waitingCount > 0);
  while (isBusy() && performance.now() < deadline) await sleep(POLL_MS);
  await pool.shutDown(
    new ApiError(API_ERRORS.DRAINING, 'The agent stopped before the request was finished.'),
  );
}
