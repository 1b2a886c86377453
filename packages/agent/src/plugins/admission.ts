import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../agent-services.ts';
import { makesModelWork } from './route-config.ts';

/** Refuses new work at the door, before its body is read, while the agent drains or the machine is short of memory. */
export function installAdmission(
  app: FastifyInstance,
  { lifecycle, verdict }: Pick<AgentServices, 'lifecycle' | 'verdict'>,
): void {
  app.addHook('onRoute', ({ method, url, config }) => {
    if ([method].flat().includes('POST') && config?.modelWork === undefined) {
      throw new Error(`the route '${url}' does not say whether it makes a model work`);
    }
  });
  app.addHook('onRequest', async (request) => {
    if (!makesModelWork(request)) return;
    lifecycle.refuseWhenDraining();
    verdict.refuseWhenShort();
  });
}
