import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../state/agent-state.ts';
import { isGeneration } from './generation-routes.ts';

/** Refuses new work at the door, before its body is read, while the agent drains or the machine is short of memory. */
export function installAdmission(
  app: FastifyInstance,
  { lifecycle, guard }: Pick<AgentServices, 'lifecycle' | 'guard'>,
): void {
  app.addHook('onRequest', async (request) => {
    if (!isGeneration(request)) return;
    lifecycle.refuseWhenDraining();
    guard.refuseWhenShort();
  });
}
