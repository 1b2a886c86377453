import type { FastifyRequest } from 'fastify';

/** For routes that need no body: some clients announce JSON with every request, also where they send none. */
export const withoutBody = {
  onRequest: async ({ headers }: FastifyRequest): Promise<void> => {
    const isEmpty =
      headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
    if (isEmpty) delete headers['content-type'];
  },
};
