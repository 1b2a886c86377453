import { expect, test } from 'vitest';
import type { WorkerView } from './model-status.ts';
import { NO_PREFIX_USE } from './prefix-use.ts';
import { workerDetail } from './worker-detail.ts';

const WORKER: WorkerView = {
  state: 'stopped',
  healthy: false,
  pid: null,
  restarts: 0,
  restSeconds: 0,
  failures: 0,
  lastExit: null,
  lastCrash: null,
  memoryBytes: null,
  counters: null,
  stalledSeconds: null,
};

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
  const detail = workerDetail({
    status: {
      model: 'm',
      state: worker.state,
      healthy: false,
      pid: null,
      restarts: 0,
      last_exit: null,
      last_log: [],
    },
    requests: { running: 0, waiting: 0 },
    worker: { ...WORKER, ...worker },
    memoryLimitBytes: null,
    prefixUse: NO_PREFIX_USE,
  });
  expect(detail.circuit).toMatchObject(circuit);
});
