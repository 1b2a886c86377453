import { type AdminDrainResponse, adminDrainRequestSchema } from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import type { AgentServices } from '../../agent-services.ts';
import { withoutBody } from '../../plugins/without-body.ts';
import { parseBody } from '../parse-body.ts';

/** `POST /admin/drain` and `/admin/resume`. */
export function adminDrain(app: FastifyInstance, { lifecycle, log, pool }: AgentServices): void {
  const answer = (): AdminDrainResponse => ({
    status: lifecycle.phase,
    requests: {
      running: pool.runtimes.reduce((sum, { runningCount }) => sum + runningCount, 0),
      waiting: pool.runtimes.reduce((sum, { waitingCount }) => sum + waitingCount, 0),
    },
  });

  app.post('/admin/drain', withoutBody, async (request) => {
    parseBody(adminDrainRequestSchema, request.body ?? {});
    lifecycle.pause();
    log.info('draining by request');
    return answer();
  });

  app.post('/admin/resume', withoutBody, async (request) => {
    parseBody(adminDrainRequestSchema, request.body ?? {});
    lifecycle.resume();
    log.info('no longer draining');
    return answer();
  });
}
