import type { FastifyInstance } from 'fastify';
import type { AgentServices } from './agent-services.ts';
import { baseApp } from './base-app.ts';
import { installAdminGuard } from './plugins/admin-guard.ts';
import { adminDrain } from './routes/admin/drain.ts';
import { adminLoad } from './routes/admin/load.ts';
import { adminPull } from './routes/admin/pull.ts';
import { adminReads } from './routes/admin/reads.ts';
import { adminUnload } from './routes/admin/unload.ts';

/** The admin API, built and not yet listening: guarded for TCP, open for the Unix socket. */
export function adminApp(services: AgentServices, transport: 'tcp' | 'socket'): FastifyInstance {
  const app = baseApp(services.log);
  if (transport === 'tcp') installAdminGuard(app, services.facts.adminToken);
  adminReads(app, services);
  adminLoad(app, services);
  adminUnload(app, services);
  adminDrain(app, services);
  adminPull(app, services);
  return app;
}
