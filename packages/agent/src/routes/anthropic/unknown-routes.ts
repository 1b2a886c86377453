import type { FastifyInstance } from 'fastify';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import { sendAnthropicError } from './anthropic-errors.ts';

/** What this API does not have, at its route or below, is told in its own shape too, and so are wrong methods. */
export function unknownRoutes(app: FastifyInstance): void {
  void app.register(
    async (scope) => {
      scope.setErrorHandler(sendAnthropicError);
      // The app's own hook throws before this is reached, and without a handler here its error would go to the app's.
      scope.setNotFoundHandler(() => {
        throw new ApiError(API_ERRORS.ROUTE_NOT_FOUND, 'There is nothing at this URL.');
      });
    },
    { prefix: '/v1/messages' },
  );
}
