import { type AdminLoadResponse, adminLoadRequestSchema } from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../state/agent-state.ts';
import { parseBody } from '../parse-body.ts';

/** `POST /admin/load`: answers when the model is ready. The load goes on when the client does not wait for it. */
export function adminLoad(app: FastifyInstance, { lifecycle, pool }: AgentServices): void {
  app.post('/admin/load', async (request): Promise<AdminLoadResponse> => {
    const { model, pin } = parseBody(adminLoadRequestSchema, request.body);
    lifecycle.refuseWhenDraining();
    const start = performance.now();
    const runtime = await pool.acquire(model);
    if (pin) runtime.setPinned(true);
    const wasReady = runtime.isReady;
    await runtime.load();
    return {
      status: wasReady ? 'already_loaded' : 'loaded',
      model: runtime.status(),
      load_seconds: wasReady ? 0 : (performance.now() - start) / 1000,
    };
  });
}
