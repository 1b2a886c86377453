import { type AdminLoadResponse, adminLoadRequestSchema } from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../agent-services.ts';
import { ApiError } from '../../api-error.ts';
import { parseBody } from '../parse-body.ts';

/** `POST /admin/load`: answers when the model is ready. The load goes on when the client does not wait for it. */
export function adminLoad(app: FastifyInstance, { lifecycle, pool }: AgentServices): void {
  app.post('/admin/load', async (request): Promise<AdminLoadResponse> => {
    const { model, pin } = parseBody(adminLoadRequestSchema, request.body);
    lifecycle.refuseWhenDraining();
    const start = performance.now();
    const runtime = await pool.acquire(model);
    const wasReady = runtime.isReady;
    await runtime.load().catch((error: unknown) => {
      throw error instanceof ApiError ? inFull(error) : error;
    });
    // Not before: a pinned model is loaded again and again, also one that never can be.
    if (pin) runtime.setPinned(true);
    return {
      status: wasReady ? 'already_loaded' : 'loaded',
      model: runtime.status(),
      load_seconds: wasReady ? 0 : (performance.now() - start) / 1000,
    };
  });
}

/** Who may load models may know the paths of this host. */
export function inFull(error: ApiError): ApiError {
  const { definition, details, param, retryAfter } = error;
  if (details === null) return error;
  return new ApiError(definition, details, {
    param,
    cause: error,
    ...(retryAfter === null ? {} : { retryAfter }),
  });
}
