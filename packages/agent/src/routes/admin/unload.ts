import { type AdminUnloadResponse, adminUnloadRequestSchema } from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../agent-services.ts';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import { parseBody } from '../parse-body.ts';

/** `POST /admin/unload`: answers when the worker has ended. */
export function adminUnload(app: FastifyInstance, { pool }: AgentServices): void {
  app.post('/admin/unload', async (request): Promise<AdminUnloadResponse> => {
    const { model, force } = parseBody(adminUnloadRequestSchema, request.body);
    const runtime = pool.peek(model);
    if (runtime !== null) {
      const unloaded = await runtime.unload(force);
      return { status: unloaded ? 'unloaded' : 'not_loaded', model };
    }
    if ((await pool.find(model)) === null) {
      throw new ApiError(API_ERRORS.MODEL_NOT_FOUND, 'The model is not on this host.', { param: 'model' });
    }
    return { status: 'not_loaded', model };
  });
}
