import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { type ChatCompletionChunk, CodedError } from '@mlxfleet/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ERRORS } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { AgentClient } from './agent-client.ts';
import { ChatClient } from './chat-client.ts';
import { serverSentEvents } from './server-sent-events.ts';

/** A host that is this machine and only opens streams. */
class StreamHost implements Host {
  readonly name = 'air';
  readonly address = null;

  async openUnixSocket(file: string): Promise<Duplex> {
    const socket = createConnection(file);
    await once(socket, 'connect');
    return socket;
  }

  async openLoopbackPort(port: number): Promise<Duplex> {
    const socket = createConnection(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  }

  async run(): Promise<never> {
    throw new Error('this host runs nothing');
  }

  async upload(): Promise<never> {
    throw new Error('this host takes no files');
  }

  async close(): Promise<void> {}
}

const status = {
  status: 'running',
  version: '9.9.9',
  protocol_version: 1,
  release: null,
  pid: 1,
  uptime_seconds: 5,
  ports: { main: 11440, admin: 11441 },
  model: { loaded: false, name: null, memory_gb: null },
  models: [],
  worker: { healthy: true, status: 'idle' },
  workers: [],
  requests: { running: 0, waiting: 0 },
  tokens_per_second: null,
  memory: { total_bytes: 1, used_bytes: 0 },
  config: { machine_type: 'test', total_ram_gb: 1, idle_timeout_seconds: 60, memory_limit_bytes: 1 },
  added_in_a_later_version: true,
};

let root: string;
let server: Server;
let answer: RequestListener;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'mlxfleet-agent-'));
  await mkdir(path.join(root, 'run'));
  server = createServer((request, response) => answer(request, response));
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(root, { recursive: true });
});

function json(code: number, body: unknown): RequestListener {
  return (_request, response) => {
    response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
}

describe('admin API', () => {
  beforeEach(async () => {
    server.listen(path.join(root, 'run', 'admin.sock'));
    await once(server, 'listening');
  });

  test('an answer of a later version is understood, unknown fields and all', async () => {
    answer = json(200, status);
    await using client = new AgentClient(new StreamHost(), root);
    expect((await client.status()).version).toBe('9.9.9');
    expect((await client.status()).ports.main).toBe(11440);
  });

  test('an answer of another protocol says what to upgrade', async () => {
    await using client = new AgentClient(new StreamHost(), root);
    answer = json(200, { protocol_version: 2, everything: 'else' });
    await expect(client.status()).rejects.toMatchObject({
      code: 'PROTOCOL_MISMATCH',
      hint: expect.stringContaining('Upgrade this mlxfleet'),
    });
    answer = json(200, { protocol_version: 0 });
    await expect(client.status()).rejects.toMatchObject({ hint: 'Upgrade the agent: mlxfleet deploy air' });
  });

  test('a refusal carries the agent’s words', async () => {
    const error = {
      message: 'no model "x"',
      type: 'not_found_error',
      param: 'model',
      code: 'model_not_found',
    };
    answer = json(404, { error });
    await using client = new AgentClient(new StreamHost(), root);
    await expect(client.load({ model: 'x' })).rejects.toMatchObject({
      code: 'AGENT_REFUSED',
      message: 'air: no model "x"',
    });
  });

  test.each<[string, RequestListener]>([
    ['no JSON', (_request, response) => response.end('<html>')],
    ['a bare error', (_request, response) => response.writeHead(500).end()],
    ['a broken connection', (request) => request.socket.destroy()],
  ])('%s is an answer that is not understood', async (_what, listener) => {
    answer = listener;
    await using client = new AgentClient(new StreamHost(), root);
    await expect(client.status()).rejects.toMatchObject({ code: 'AGENT_ANSWER_BROKEN' });
  });
});

test('an agent that does not run is advice, a host that is away keeps its own error', async () => {
  await using client = new AgentClient(new StreamHost(), root);
  await expect(client.status()).rejects.toMatchObject({
    code: 'AGENT_NOT_RUNNING',
    hint: 'Start it: mlxfleet start air',
  });
  const away = new StreamHost();
  away.openUnixSocket = async () => {
    throw new CodedError(ERRORS.HOST_UNKNOWN, 'away');
  };
  await using other = new AgentClient(away, root);
  await expect(other.status()).rejects.toMatchObject({ message: 'away' });
});

function chunk(content: string): string {
  return `data: ${JSON.stringify({
    id: '1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta: { content }, logprobs: null, finish_reason: null }],
  })}\n\n`;
}

async function listen(): Promise<ChatClient> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return new ChatClient(new StreamHost(), { port: address.port, adminToken: 'token' });
}

async function contentOf(chunks: AsyncIterable<ChatCompletionChunk>): Promise<string> {
  let content = '';
  for await (const { choices } of chunks) content += choices[0]?.delta.content ?? '';
  return content;
}

describe('chat', () => {
  const question = { model: 'm', messages: [{ role: 'user', content: 'hello' }] } as const;
  const { signal } = new AbortController();

  test('tokens come as they are made', async () => {
    await using client = await listen();
    answer = (request, response) => {
      expect(request.headers['x-admin-token']).toBe('token');
      response.write(': queued\n\n');
      const text = Buffer.from(chunk('é') + chunk('!'));
      response.write(text.subarray(0, 110));
      response.write(text.subarray(110));
      response.end('data: [DONE]\n\n');
    };
    expect(await contentOf(client.stream(question, signal))).toBe('é!');
  });

  test('a stream that breaks off is an error', async () => {
    await using client = await listen();
    answer = (_request, response) => response.end(chunk('half'));
    await expect(contentOf(client.stream(question, signal))).rejects.toMatchObject({
      code: 'AGENT_ANSWER_BROKEN',
    });
  });

  test('an error inside the stream is the agent’s', async () => {
    await using client = await listen();
    const error = { message: 'the worker died', type: 'server_error', param: null, code: 'worker_died' };
    answer = (_request, response) => response.end(`data: ${JSON.stringify({ error })}\n\ndata: [DONE]\n\n`);
    await expect(contentOf(client.stream(question, signal))).rejects.toMatchObject({
      code: 'AGENT_REFUSED',
      message: 'air: the worker died',
    });
  });

  test('the signal closes the connection, so that the agent stops', async () => {
    await using client = await listen();
    const closed = Promise.withResolvers<void>();
    answer = (_request, response) => {
      response.on('close', () => closed.resolve());
      response.write(chunk('one'));
    };
    const controller = new AbortController();
    const stream = client.stream(question, controller.signal);
    await stream.next();
    controller.abort();
    await expect(stream.next()).rejects.toThrow('abort');
    await closed.promise;
  });
});

test('server-sent events in pieces, with comments, CRLF and several lines of data', async () => {
  const text = ': hi\n\ndata: a\ndata: b\n\nevent: x\r\ndata:c\r\n\r\ndata: cut off';
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (const byte of Buffer.from(text)) yield Uint8Array.of(byte);
  }
  const events: string[] = [];
  for await (const event of serverSentEvents(pieces())) events.push(event);
  expect(events).toEqual(['a\nb', 'c']);
});
