import { isLoopbackAddress } from '@mlxfleet/protocol';
import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import { bearer, matches, sha256 } from './api-key.ts';
import { hostName } from './host-names.ts';

/**
 * Rules of the admin API over TCP: the Host header is a loopback name, a write comes from no web page and carries the
 * admin token. The Unix socket needs none of it, as the system checks who may open it.
 */
export function installAdminGuard(app: FastifyInstance, adminToken: string): void {
  const accepted = [sha256(adminToken)];
  app.addHook('onRequest', async (request) => {
    const { host, origin } = request.headers;
    if (host !== undefined && !isLoopbackAddress(hostName(host))) {
      throw new ApiError(API_ERRORS.HOST_NOT_ALLOWED, 'The admin API is reached by localhost only.');
    }
    if (request.method === 'GET' || request.method === 'HEAD') return;
    if (origin !== undefined) {
      throw new ApiError(API_ERRORS.ORIGIN_NOT_ALLOWED, 'The admin API takes no requests of web pages.');
    }
    const token = bearer(request) ?? request.headers['x-admin-token'];
    if (typeof token !== 'string' || !matches(token, accepted)) {
      throw new ApiError(API_ERRORS.ADMIN_TOKEN_REQUIRED, 'The admin token is required.');
    }
  });
}
