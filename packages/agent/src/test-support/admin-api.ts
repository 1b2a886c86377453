import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { TestAgent } from './test-agent.ts';

/** What a route of the admin API answers. */
export async function readAdmin(agent: TestAgent, route: string): Promise<unknown> {
  return await (await fetch(agent.adminUrl + route)).json();
}

/** `POST` with the admin token; without a body it sends none. */
export async function writeAdmin(
  agent: TestAgent,
  route: string,
  body?: object,
  signal?: AbortSignal,
): Promise<Response> {
  const token = readFileSync(path.join(agent.root, 'shared', 'admin-token'), 'utf8').trim();
  return await fetch(agent.adminUrl + route, {
    method: 'POST',
    headers: {
      'x-admin-token': token,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
}
