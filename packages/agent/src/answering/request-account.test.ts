import pino from 'pino';
import { beforeEach, expect, test } from 'vitest';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import { ClientGone } from './client-gone.ts';
import { RequestAccount } from './request-account.ts';

let lines: string[];
let metrics: Metrics;
let account: RequestAccount;
beforeEach(() => {
  lines = [];
  metrics = createMetrics();
  const log = pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(line) });
  account = new RequestAccount(metrics, log, { id: '1' });
});

async function counted(metric: Metrics['cancelled'] | Metrics['failures']): Promise<unknown> {
  const { values } = await metric.get();
  return values.map(({ labels, value }) => [labels, value]);
}

test('a client that goes away before its model is known counts without a model, in the log too', async () => {
  account.count(new ClientGone());
  account.clientGone();
  expect(await counted(metrics.cancelled)).toEqual([[{}, 1]]);
  expect(JSON.parse(lines[0] ?? '')).toEqual({ level: 30, id: '1', msg: 'the client went away' });
});

test('what ends after the model is known counts for it', async () => {
  account.found({ id: 'm' });
  account.count(new ApiError(API_ERRORS.INVALID_MEDIA, 'no image'));
  account.answered();
  expect(await counted(metrics.failures)).toEqual([[{ model_name: 'm', code: 'invalid_media' }, 1]]);
  expect(JSON.parse(lines[0] ?? '')).toEqual({ level: 30, model: 'm', id: '1', msg: 'answered' });
});

test('a fault of the agent is no failure of a request', async () => {
  account.count(new Error('a fault'));
  expect([await counted(metrics.failures), await counted(metrics.cancelled)]).toEqual([[], []]);
});
