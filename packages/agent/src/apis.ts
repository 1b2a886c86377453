import type { FastifyInstance } from 'fastify';
import { adminApp } from './admin-app.ts';
import type { AgentServices } from './agent-services.ts';
import { mainApp } from './app.ts';
import { listenOnPort, listenOnSocket } from './listen.ts';

/** How long answers that are already written may take to leave. */
const FLUSH_MS = 2000;

/**
 * The main API, and the admin API on its port and on its socket. All listen when this resolves, and the services know
 * the ports.
 * @throws CodedError when one cannot; none listens then.
 */
export async function openApis(services: AgentServices, socketPath: string): Promise<FastifyInstance[]> {
  const { config, ports } = services;
  const main = mainApp(services);
  const adminTcp = adminApp(services, 'tcp');
  const adminSocket = adminApp(services, 'socket');
  const apis = [main, adminTcp, adminSocket];
  try {
    ports.main = await listenOnPort(main, config.api.bind, config.api.port, 'main');
    ports.admin = await listenOnPort(adminTcp, '127.0.0.1', config.admin.port, 'admin');
    await listenOnSocket(adminSocket, socketPath);
  } catch (error) {
    await Promise.all(apis.map(async (api) => await api.close()));
    throw error;
  }
  return apis;
}

/** Lets what is written leave for a moment, then ends every connection. */
export async function closeApis(apis: readonly FastifyInstance[]): Promise<void> {
  const timer = setTimeout(() => {
    for (const api of apis) api.server.closeAllConnections();
  }, FLUSH_MS);
  await Promise.all(apis.map(async (api) => await api.close()));
  clearTimeout(timer);
}
