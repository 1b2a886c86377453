import { expect, test } from 'vitest';
import { modelView } from '../../test-support/model-view.ts';
import { workerDetail } from './worker-detail.ts';

test.each([
  [
    { state: 'ready', failures: 0 },
    { state: 'closed', retry_seconds: null },
  ],
  [
    { state: 'backoff', failures: 4, restSeconds: 8 },
    { state: 'closed', failures: 4, retry_seconds: 8 },
  ],
  [
    { state: 'broken', failures: 5, restSeconds: 300 },
    { state: 'open', failures: 5, retry_seconds: 300 },
  ],
  [
    { state: 'starting', failures: 5 },
    { state: 'half-open', failures: 5, retry_seconds: null },
  ],
  [
    { state: 'broken', failures: 6, restSeconds: 300 },
    { state: 'open', failures: 6 },
  ],
] as const)('the circuit of %j', (worker, circuit) => {
  const detail = workerDetail(modelView({ worker }));
  expect(detail.circuit).toMatchObject(circuit);
});
