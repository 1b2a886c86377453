import { once } from 'node:events';
import http from 'node:http';
import { adminDrainResponseSchema } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { readAdmin, writeAdmin } from '../../test-support/admin-api.ts';
import { chat, eventually, agentsForTests } from '../../test-support/test-agent.ts';

const CHAT = '/v1/chat/completions';

const start = agentsForTests();

test('refuses new requests, finishes what runs and waits, and is taken back', async () => {
  const agent = await start({ config: { max_batch_size: 1 } });
  const held = [1, 2].map(async () => await agent.post(CHAT, chat('tokens=100', { max_tokens: 100 })));
  await eventually(() => {
    const model = agent.services.pool.peek('m');
    return model?.runningCount === 1 && model.waitingCount === 1;
  }, 'one runs and one waits');
  const drained = await writeAdmin(agent, '/admin/drain');
  expect(adminDrainResponseSchema.parse(await drained.json())).toEqual({
    status: 'draining',
    requests: { running: 1, waiting: 1 },
  });
  const refused = await agent.post(CHAT, chat('a'));
  expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([
    503,
    '30',
    { error: { code: 'draining', message: 'The agent was told to drain and takes no new requests.' } },
  ]);
  for (const route of ['/admin/load', '/admin/models/pull'])
    expect((await writeAdmin(agent, route, { model: 'm' })).status).toBe(503);
  expect((await fetch(`${agent.url}/ready`)).status).toBe(503);
  expect((await fetch(`${agent.url}/v1/models`)).status).toBe(200);
  expect(await readAdmin(agent, '/admin/status')).toMatchObject({ status: 'draining' });
  expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200]);
  const again = await writeAdmin(agent, '/admin/drain', {});
  expect(await again.json()).toEqual({ status: 'draining', requests: { running: 0, waiting: 0 } });
  for (const body of [{}, undefined]) {
    const resumed = await writeAdmin(agent, '/admin/resume', body);
    expect(await resumed.json()).toEqual({ status: 'running', requests: { running: 0, waiting: 0 } });
  }
  expect((await agent.post(CHAT, chat('tokens=1'))).status).toBe(200);
});

test('takes an empty body that its client calls JSON', async () => {
  const agent = await start();
  const headers = { 'content-type': 'application/json' };
  for (const [route, status] of [
    ['/admin/drain', 'draining'],
    ['/admin/resume', 'running'],
  ] as const) {
    const request = http.request({ socketPath: agent.socketPath, path: route, method: 'POST', headers });
    request.end();
    const [response] = await once(request, 'response');
    response.resume();
    expect(response.statusCode).toBe(200);
    expect(await readAdmin(agent, '/admin/status')).toMatchObject({ status });
  }
});

test('takes no options, and needs the token or the socket', async () => {
  const agent = await start();
  expect((await writeAdmin(agent, '/admin/drain', { now: true })).status).toBe(400);
  for (const route of ['/admin/drain', '/admin/resume', '/admin/models/pull'])
    expect((await fetch(agent.adminUrl + route, { method: 'POST' })).status).toBe(401);
  expect(await readAdmin(agent, '/admin/health')).toMatchObject({ status: 'ok' });
  const request = http.request({ socketPath: agent.socketPath, path: '/admin/drain', method: 'POST' });
  request.end();
  const [response] = await once(request, 'response');
  response.resume();
  expect(response.statusCode).toBe(200);
  expect(await readAdmin(agent, '/admin/health')).toMatchObject({ status: 'draining' });
});

test('a stop ends it for good', async () => {
  const agent = await start();
  await writeAdmin(agent, '/admin/drain');
  agent.services.lifecycle.drain();
  const resumed = await writeAdmin(agent, '/admin/resume');
  expect([resumed.status, await resumed.json()]).toMatchObject([503, { error: { code: 'draining' } }]);
});
