import { expect, test } from 'vitest';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import { inFull } from './load.ts';

test('what hides details from clients tells them here, and everything else as before', () => {
  const hidden = { details: 'no weights in /srv/models/m', param: 'model', retryAfter: 300 };
  const error = new ApiError(API_ERRORS.WORKER_BROKEN, 'no weights in m', hidden);
  expect(inFull(error)).toMatchObject({
    code: 'WORKER_BROKEN',
    message: 'no weights in /srv/models/m',
    param: 'model',
    retryAfter: 300,
  });
  const plain = new ApiError(API_ERRORS.WORKER_BROKEN, 'it rests');
  expect(inFull(plain)).toBe(plain);
});
