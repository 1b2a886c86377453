import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createHash } from 'node:crypto';
import {
  adminHealthSchema,
  adminStatusSchema,
  agentConfigSchema,
  chatCompletionSchema,
  generateFrameSchema,
  tokenizationSchema,
} from '@mlxfleet/protocol';
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { startAgent } from './agent.ts';
import { chat, eventually, makeRoot, agentsForTests, type TestAgent } from './test-support/test-agent.ts';

const CHAT = '/v1/chat/completions';
const JSON_TYPE = { 'content-type': 'application/json' };

const start = agentsForTests();

function hash(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

function token(agent: TestAgent): string {
  return readFileSync(path.join(agent.root, 'shared', 'admin-token'), 'utf8').trim();
}

interface Call {
  readonly status: number;
  readonly body: unknown;
}

async function call(options: http.RequestOptions, body?: unknown): Promise<Call> {
  const request = http.request({ agent: false, ...options });
  request.end(body === undefined ? undefined : JSON.stringify(body));
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  request.on('response', resolve);
  request.on('error', reject);
  const response = await promise;
  let text = '';
  for await (const piece of response) text += String(piece);
  return { status: response.statusCode ?? 0, body: JSON.parse(text) };
}

/** The scope of cached prompts that the worker is told. */
async function scope(agent: TestAgent, headers: Record<string, string>): Promise<unknown> {
  const response = await agent.post(CHAT, chat('show-frame'), { headers });
  const { choices } = chatCompletionSchema.parse(await response.json());
  return generateFrameSchema.parse(JSON.parse(choices[0]?.message.content ?? '')).cache_scope;
}

/** The scope that the worker is told with a question about a prompt. */
async function questionScope(agent: TestAgent, key: string): Promise<unknown> {
  const question = { model: 'm', messages: [{ role: 'user', content: 'show-scope' }] };
  const response = await agent.post('/v1/tokenize', question, {
    headers: { authorization: `Bearer ${key}` },
  });
  const { tokens } = tokenizationSchema.parse(await response.json());
  return JSON.parse(String.fromCharCode(...tokens));
}

describe('keys', () => {
  test('are asked for on /v1 when configured', async () => {
    const agent = await start({ config: { api: { port: 0, key_hashes: [hash('one'), hash('two')] } } });
    const status = async (headers: Record<string, string>) =>
      (await fetch(`${agent.url}/v1/models`, { headers })).status;
    expect(await status({})).toBe(401);
    expect(await status({ authorization: 'Bearer three' })).toBe(401);
    expect(await status({ authorization: 'Bearer ' })).toBe(401);
    expect(await status({ authorization: `Bearer ${hash('one')}` })).toBe(401);
    expect(await status({ authorization: 'Bearer two' })).toBe(200);
    expect(await status({ 'x-api-key': 'one' })).toBe(200);
    expect(await status({ 'x-admin-token': token(agent) })).toBe(200);
    expect(await status({ 'x-admin-token': 'wrong' })).toBe(401);
    expect((await agent.post(CHAT, chat('a'))).status).toBe(401);
    for (const open of ['/health', '/ready']) expect((await fetch(agent.url + open)).status).toBe(200);
  });

  test('keep cached prompts apart where there are several', async () => {
    const several = await start({ config: { api: { port: 0, key_hashes: [hash('one'), hash('two')] } } });
    const one = await scope(several, { authorization: 'Bearer one' });
    expect(one).toBe(hash('one'));
    expect(await scope(several, { 'x-api-key': 'one' })).toBe(one);
    expect(await scope(several, { authorization: 'Bearer two' })).toBe(hash('two'));
    expect(await scope(several, { 'x-admin-token': token(several) })).toBe('');
    expect(await questionScope(several, 'one')).toBe(one);
    await several.dispose();
    const single = await start({ config: { api: { port: 0, key_hashes: [hash('one')] } } });
    expect(await scope(single, { authorization: 'Bearer one' })).toBeNull();
    expect(await questionScope(single, 'one')).toBeNull();
  });

  test('no way of writing a URL leads past them', async () => {
    const agent = await start({ config: { api: { port: 0, key_hashes: [hash('one')] } } });
    const { main: port } = agent.services.ports;
    const answer = async (target: string, method: string) =>
      await call(
        { port, path: target, method, headers: JSON_TYPE },
        method === 'GET' ? undefined : chat('a'),
      );
    const served = ['/v1/chat/completions', '/v1/completions', '/v1/models', '/v1/models/m'];
    for (const route of served) {
      const method = route.startsWith('/v1/models') ? 'GET' : 'POST';
      for (const target of [
        route,
        `${route}?a=/health`,
        route.replace('v', '%76'),
        route.replace('e', '%65'),
        `http://x${route}`,
        `http://x${route.replace('v', '%76')}`,
        `HTTPS://x:1${route}`,
      ]) {
        expect([target, await answer(target, method)]).toMatchObject([
          target,
          { status: 401, body: { error: { code: 'invalid_api_key' } } },
        ]);
      }
      for (const target of [
        `/${route}`,
        route.replace('v1/', 'v1//'),
        route.replace('/v1', '/V1'),
        `/health/..${route}`,
        `/health%2f..${route}`,
        `/%2f${route}`,
      ]) {
        expect([target, (await answer(target, method)).status]).toEqual([target, 404]);
      }
    }
  });

  test('any key is accepted when none is configured', async () => {
    const agent = await start();
    const headers = { authorization: 'Bearer anything' };
    expect((await fetch(`${agent.url}/v1/models`, { headers })).status).toBe(200);
  });

  test('a bind beyond loopback needs keys, or to be told that it needs none', async () => {
    await expect(start({ config: { api: { bind: '0.0.0.0', port: 0 } } })).rejects.toMatchObject({
      code: 'BIND_UNPROTECTED',
    });
    const agent = await start({ config: { api: { bind: '0.0.0.0', port: 0, anonymous: true } } });
    expect((await fetch(`${agent.url}/v1/models`)).status).toBe(200);
  });

  test.each(['127.0.0.1', '0.0.0.0'])('without keys a foreign Host header is refused on %s', async (bind) => {
    const agent = await start({ config: { api: { bind, port: 0, anonymous: true } } });
    const { main: port } = agent.services.ports;
    const ask = async (host: string) => await call({ port, path: '/v1/models', headers: { host } });
    for (const host of [
      'localhost:11440',
      `10.1.2.3:${String(port)}`,
      '[fd00::1]:11440',
      os.hostname(),
      'studio.local',
      'host.docker.internal:11440',
    ]) {
      expect([host, (await ask(host)).status]).toEqual([host, 200]);
    }
    expect(await ask('evil.example')).toMatchObject({
      status: 403,
      body: { error: { code: 'host_not_allowed', message: /api\.keys/ } },
    });
    expect((await ask('10.1.2.3.evil.example')).status).toBe(403);
  });

  test('with keys any name will do', async () => {
    const agent = await start({ config: { api: { port: 0, key_hashes: [hash('one')] } } });
    const headers = { host: 'llm.example', authorization: 'Bearer one' };
    const { main: port } = agent.services.ports;
    expect((await call({ port, path: '/v1/models', headers })).status).toBe(200);
  });
});

describe('the admin API', () => {
  test('reads are open, and as the protocol says', async () => {
    const agent = await start({ models: { m: {}, other: {} } });
    await agent.post(CHAT, chat('tokens=1'));
    const get = async (route: string): Promise<unknown> => await (await fetch(agent.adminUrl + route)).json();
    adminHealthSchema.strict().parse(await get('/admin/health'));
    const status = adminStatusSchema.strict().parse(await get('/admin/status'));
    expect(status).toMatchObject({
      status: 'running',
      release: null,
      model: { loaded: true, name: 'm' },
      models: [
        { id: 'm', state: 'ready', memory_bytes: 1_000_000, context_length: 1000 },
        { id: 'other', state: 'unloaded' },
      ],
      worker: { healthy: true, status: 'ready' },
      ports: agent.services.ports,
    });
    expect(await (await fetch(`${agent.adminUrl}/admin/metrics`)).text()).toContain('mlxfleet_build_info');
  });

  test('writes over TCP need the token and no web page behind them', async () => {
    const agent = await start();
    const load = async (headers: Record<string, string>) =>
      await fetch(`${agent.adminUrl}/admin/load`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{"model":"m"}',
      });
    expect((await load({})).status).toBe(401);
    expect((await load({ authorization: 'Bearer wrong' })).status).toBe(401);
    const good = { authorization: `Bearer ${token(agent)}` };
    expect((await load({ ...good, origin: 'http://localhost:11440' })).status).toBe(403);
    expect((await load({ 'x-admin-token': token(agent) })).status).toBe(200);
    const port = agent.services.ports.admin;
    const foreign = await call({ port, path: '/admin/status', headers: { host: 'evil.example' } });
    expect(foreign.status).toBe(403);
  });

  test('a load that fails pins nothing', async () => {
    const agent = await start({ models: { m: { load_error: 'bad weights' } } });
    const load = await fetch(`${agent.adminUrl}/admin/load`, {
      method: 'POST',
      headers: { ...JSON_TYPE, 'x-admin-token': token(agent) },
      body: '{"model":"m","pin":true}',
    });
    expect(load.status).toBe(503);
    expect(agent.services.pool.peek('m')?.status().pinned).toBe(false);
    await eventually(() => agent.services.pool.peek('m')?.isActive === false, 'the worker rests');
  });

  test('the socket needs no token; load, pin, unload', async () => {
    const agent = await start();
    expect(statSync(agent.socketPath).mode & 0o777).toBe(0o600);
    expect(statSync(path.join(agent.root, 'shared', 'admin-token')).mode & 0o777).toBe(0o600);
    const post = async (route: string, body: unknown) =>
      await call(
        {
          socketPath: agent.socketPath,
          path: route,
          method: 'POST',
          headers: { 'content-type': 'application/json' },
        },
        body,
      );
    expect(await post('/admin/load', { model: 'm', pin: true })).toMatchObject({
      status: 200,
      body: { status: 'loaded', model: { state: 'ready', pinned: true } },
    });
    expect(await post('/admin/load', { model: 'm' })).toMatchObject({ body: { status: 'already_loaded' } });
    expect(await post('/admin/load', { model: 'nothing' })).toMatchObject({ status: 404 });
    expect(await post('/admin/load', { model: 'm', pn: true })).toMatchObject({ status: 400 });
    expect(await post('/admin/unload', { model: 'm' })).toEqual({
      status: 200,
      body: { status: 'unloaded', model: 'm' },
    });
    expect(await post('/admin/unload', { model: 'm' })).toMatchObject({ body: { status: 'not_loaded' } });
    expect(await post('/admin/unload', { model: '../m' })).toMatchObject({ status: 404 });
  });
});

describe('starting', () => {
  test('a second agent of one root is refused, a socket left behind is replaced', async () => {
    const agent = await start();
    const options = {
      root: agent.root,
      config: agentConfigSchema.parse({ version: 1, api: { port: 0 }, admin: { port: 0 } }),
      worker: { python: '/bin/true', source: '/' },
      release: null,
      log: pino({ level: 'silent' }),
    };
    await expect(startAgent(options)).rejects.toMatchObject({ code: 'AGENT_RUNNING' });
    expect((await fetch(`${agent.url}/health`)).status).toBe(200);
    await agent.stop();
    expect(existsSync(agent.socketPath)).toBe(false);
    writeFileSync(agent.socketPath, '');
    const folder = path.dirname(agent.socketPath);
    chmodSync(folder, 0o777);
    const next = await startAgent(options);
    // It holds the others off before the socket's own mode can.
    expect([statSync(folder).mode & 0o777, statSync(agent.socketPath).mode & 0o777]).toEqual([0o700, 0o600]);
    await next.stop();
  });

  test('a port in use is an error with a code, and nothing is left behind', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    for (const config of [{ api: { port } }, { admin: { port } }]) {
      await expect(start({ config })).rejects.toMatchObject({
        code: 'PORT_IN_USE',
        message: expect.stringContaining(String(port)),
      });
    }
    server.close();
  });

  test('it is not ready before its first models are loaded', async () => {
    const agent = await start({
      models: { m: { load_ms: 200 } },
      config: {
        models: [
          { id: 'm', preload: true },
          { id: 'org/missing', preload: true },
        ],
      },
    });
    expect((await fetch(`${agent.url}/ready`)).status).toBe(503);
    expect((await fetch(`${agent.url}/health`)).status).toBe(200);
    await eventually(async () => (await fetch(`${agent.url}/ready`)).ok, 'ready');
    expect(agent.services.pool.peek('m')?.isReady).toBe(true);
  });

  test('a root that cannot be written to', async () => {
    const root = makeRoot({});
    rmSync(root, { recursive: true });
    writeFileSync(root, '');
    await expect(start({ overrides: { root } })).rejects.toMatchObject({ code: 'ROOT_UNUSABLE' });
    rmSync(root);
  });
});

describe('stopping', () => {
  test('refuses new work, finishes what runs and what waits, ends the workers', async () => {
    const agent = await start({ config: { max_batch_size: 1 } });
    const running = agent.post(CHAT, chat('tokens=100', { max_tokens: 100, stream: true }));
    await eventually(() => agent.services.pool.peek('m')?.runningCount === 1, 'one runs');
    const waiting = agent.post(CHAT, chat('tokens=1'));
    await eventually(() => agent.services.pool.peek('m')?.waitingCount === 1, 'one waits');
    const pid = agent.services.pool.peek('m')?.workerStatus().pid ?? 0;
    const stopped = agent.stop();
    const refused = await agent.post(CHAT, chat('a'));
    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([
      503,
      '10',
      { error: { code: 'draining' } },
    ]);
    expect((await fetch(`${agent.url}/ready`)).status).toBe(503);
    expect(await (await running).text()).toContain('[DONE]');
    expect((await waiting).status).toBe(200);
    await stopped;
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    await expect(fetch(`${agent.url}/health`)).rejects.toThrow('fetch failed');
  });

  test('what is not finished by the deadline gets an error', async () => {
    const agent = await start({ config: { drain_seconds: 0.1 } });
    const running = agent.post(CHAT, chat('mute'));
    await eventually(() => agent.services.pool.peek('m')?.runningCount === 1, 'one runs');
    const began = performance.now();
    await agent.stop();
    expect(performance.now() - began).toBeLessThan(2000);
    expect([(await running).status, await (await running).json()]).toMatchObject([
      503,
      { error: { code: 'draining' } },
    ]);
  });
});
