import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mainApp } from './app.ts';
import { startTestAgent, type TestAgent } from './test-support/test-agent.ts';

const KEY = 'key';

let agent: TestAgent;
let app: FastifyInstance;
beforeAll(async () => {
  const hash = createHash('sha256').update(KEY).digest('hex');
  agent = await startTestAgent({
    config: { api: { port: 0, key_hashes: [hash], rate_limit: { per_minute: 1, burst: 1 } } },
  });
  app = mainApp(agent.services);
  await app.ready();
});
afterAll(async () => {
  await app.close();
  await agent.dispose();
});

/** `METHOD URL` of every route, as the router itself lists them. */
function routes(): string[] {
  const all: string[] = [];
  const parts: string[] = [];
  for (const line of app.printRoutes({ commonPrefix: false }).split('\n')) {
    const [, indent = '', part = '', methods = ''] = /^([│ ]*)[├└]── (\S+) \((.+)\)$/u.exec(line) ?? [];
    if (part === '') continue;
    parts.length = indent.length / 4;
    parts.push(part.startsWith('/') ? part : `/${part}`);
    all.push(...methods.split(', ').map((method) => `${method} ${parts.join('')}`));
  }
  return all;
}

const METHODS = ['GET', 'HEAD', 'POST', 'DELETE'] as const;

async function status(route: string, headers: Record<string, string>): Promise<number> {
  const method = METHODS.find((name) => route.startsWith(`${name} `)) ?? 'GET';
  const url = route.slice(method.length + 1);
  const payload = method === 'POST' ? { payload: {} } : {};
  return (await app.inject({ method, url, headers, ...payload })).statusCode;
}

/** Of the routes, those that do not answer so. */
async function otherwise(expected: number, all: readonly string[], headers = {}): Promise<string[]> {
  const others: string[] = [];
  for (const route of all) if ((await status(route, headers)) !== expected) others.push(route);
  return others;
}

const withKey = { 'x-api-key': KEY };
/** Of the routes that take a POST, those that make no model work. */
const IDLE = ['POST /v1/responses/:id/cancel'];

function posts(): string[] {
  return routes().filter((route) => route.startsWith('POST '));
}

test('the routes are read from the router', () => {
  expect(posts()).toContain('POST /v1/messages/count_tokens');
  expect(posts()).toContain('POST /v1/tokenize');
});

test('every route asks for a key, but those of monitoring', async () => {
  const urls = ['/health', '/ready', '/metrics'];
  expect(await otherwise(401, routes())).toEqual(urls.flatMap((url) => [`GET ${url}`, `HEAD ${url}`]));
});

test('every route that makes a model work is refused while the agent drains', async () => {
  agent.services.lifecycle.pause();
  expect(await otherwise(503, posts(), withKey)).toEqual(IDLE);
  agent.services.lifecycle.resume();
});

test('every route that makes a model work counts against the rate limit', async () => {
  await status('POST /v1/chat/completions', withKey);
  expect(await otherwise(429, posts(), withKey)).toEqual(IDLE);
});

test('a route that takes a POST cannot be made without saying whether it makes a model work', () => {
  const other = mainApp(agent.services);
  expect(() => other.post('/v1/rerank', async () => ({}))).toThrow("'/v1/rerank' does not say");
});

test('bodies that announce more than is taken at a time are refused at the door', async () => {
  const { facts, ports } = agent.services;
  const sockets: net.Socket[] = [];
  const announce = async (): Promise<void> => {
    const socket = net.connect(ports.main, '127.0.0.1');
    sockets.push(socket);
    socket.write(
      'POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n' +
        `x-admin-token: ${facts.adminToken}\r\ncontent-length: ${String(16 * 1024 * 1024)}\r\n` +
        'expect: 100-continue\r\n\r\n',
    );
    const [answer]: unknown[] = await once(socket.setEncoding('utf8'), 'data');
    expect(answer).toMatch(/^HTTP\/1\.1 100 /);
  };
  for (let count = 0; count < 16; count += 1) await announce();
  const answer = await agent.post('/v1/completions', {}, { headers: { 'x-admin-token': facts.adminToken } });
  for (const socket of sockets) socket.destroy();
  expect([answer.status, answer.headers.get('retry-after'), await answer.json()]).toMatchObject([
    503,
    '5',
    { error: { code: 'bodies_in_flight' } },
  ]);
});
