import {
  type AdminHealth,
  type AdminModels,
  type AdminStatus,
  type AdminWorkers,
  PROTOCOL_VERSION,
} from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../agent-services.ts';
import { readModels } from '../../status/known-models.ts';
import { readMetrics } from '../../status/read-metrics.ts';
import { activeRuntimes, readStatus } from '../../status/status.ts';
import { VERSION } from '../../version.ts';

/** `GET /admin/health`, `/admin/status`, `/admin/models`, `/admin/workers` and `/admin/metrics`. */
export function adminReads(app: FastifyInstance, services: AgentServices): void {
  app.get('/admin/health', async (): Promise<AdminHealth> => ({
    status: services.lifecycle.phase === 'draining' ? 'draining' : 'ok',
    version: VERSION,
    protocol_version: PROTOCOL_VERSION,
    uptime_seconds: services.lifecycle.uptimeSeconds,
  }));

  app.get('/admin/status', async (): Promise<AdminStatus> => await readStatus(services));

  app.get('/admin/models', async (): Promise<AdminModels> => ({ models: await readModels(services) }));

  app.get('/admin/workers', async (): Promise<AdminWorkers> => ({
    workers: activeRuntimes(services).map((runtime) => runtime.workerDetail()),
  }));

  app.get('/admin/metrics', async (_, reply) => {
    void reply.header('content-type', services.metrics.contentType);
    return await readMetrics(services);
  });
}
