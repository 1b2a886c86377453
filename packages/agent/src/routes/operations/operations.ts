import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../agent-services.ts';
import { readMetrics } from '../../status/read-metrics.ts';

/** `GET /health` (the process answers), `/ready` (it can serve) and `/metrics` (Prometheus). */
export function operations(app: FastifyInstance, services: AgentServices): void {
  const open = { config: { withoutKey: true } };

  app.get('/health', open, async () => ({ status: 'ok' }));

  app.get('/ready', { config: { ...open.config, probe: true } }, async () => {
    services.lifecycle.refuseUnlessReady();
    services.verdict.refuseWhenShort();
    return { status: 'ready' };
  });

  app.get('/metrics', open, async (_, reply) => {
    void reply.header('content-type', services.metrics.contentType);
    return await readMetrics(services);
  });
}
