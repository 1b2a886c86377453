import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { type ChatCompletionChunk, CodedError, PROTOCOL_VERSION } from '@mlxfleet/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ERRORS } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { LocalHost } from '../hosts/local-host.ts';
import { readAdminStatus } from './admin-status.ts';
import { IDLE_AGENT } from './testing/idle-agent.ts';
import { AgentClient } from './agent-client.ts';
import { answerError, protocolMismatch } from './answer-error.ts';
import { ChatClient } from './chat-client.ts';
import { Conversation } from './conversation.ts';
import { userMessage } from './message-parts.ts';
import { serverSentEvents } from './server-sent-events.ts';

const host = new LocalHost('air');

const loaded = {
  status: 'loaded',
  model: {
    id: 'x',
    state: 'ready',
    memory_bytes: 1,
    context_length: 1,
    pinned: false,
    idle_timeout_seconds: null,
    last_used_at: null,
    requests: { running: 0, waiting: 0 },
    error: null,
  },
  load_seconds: 2,
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
    answer = json(200, loaded);
    await using client = new AgentClient(host, root);
    expect(await client.load({ model: 'x' })).toMatchObject({ status: 'loaded', load_seconds: 2 });
  });

  test('a refusal carries the agent’s words', async () => {
    const error = {
      message: 'no model "x"',
      type: 'not_found_error',
      param: 'model',
      code: 'model_not_found',
    };
    answer = json(404, { error });
    await using client = new AgentClient(host, root);
    await expect(client.load({ model: 'x' })).rejects.toMatchObject({
      code: 'AGENT_REFUSED',
      message: 'air: no model "x"',
      hint: '`mlxfleet status air` shows what is loaded, `GET /v1/models` all that the host has.',
    });
  });

  test('a failed load leads to the log of its worker', async () => {
    const error = {
      message: 'no',
      type: 'service_unavailable_error',
      param: null,
      code: 'model_load_failed',
    };
    answer = json(503, { error });
    await using client = new AgentClient(host, root);
    await expect(client.load({ model: 'x' })).rejects.toMatchObject({
      code: 'AGENT_REFUSED',
      hint: '`mlxfleet logs air --worker MODEL` has the log of its worker.',
    });
  });

  test.each<[string, RequestListener]>([
    ['no JSON', (_request, response) => response.end('<html>')],
    ['a bare error', (_request, response) => response.writeHead(500).end()],
    ['a broken connection', (request) => request.socket.destroy()],
  ])('%s is an answer that is not understood', async (_what, listener) => {
    answer = listener;
    await using client = new AgentClient(host, root);
    await expect(client.unload({ model: 'x' })).rejects.toMatchObject({ code: 'AGENT_ANSWER_BROKEN' });
  });
});

describe('without an agent', () => {
  const notRunning = { code: 'AGENT_NOT_RUNNING', hint: 'Start it: mlxfleet start air' };

  test('the admin API says how to start it', async () => {
    await using client = new AgentClient(host, root);
    await expect(client.load({ model: 'x' })).rejects.toMatchObject(notRunning);
  });

  test('so does chat', async () => {
    // Nobody but root may listen on port 1, and nobody does.
    await using client = new ChatClient(host, { port: 1, adminToken: null });
    await expect(
      contentOf(client.stream({ model: 'm', messages: [] }, AbortSignal.timeout(5000))),
    ).rejects.toMatchObject(notRunning);
  });

  test('a host that is not to be used keeps its own error', async () => {
    const closed = new LocalHost('air');
    await closed.close();
    await using client = new AgentClient(closed, root);
    await expect(client.load({ model: 'x' })).rejects.toMatchObject({ code: 'HOST_CLOSED' });
  });
});

describe('the status of an agent', () => {
  const status = { ...IDLE_AGENT, version: '9.9.9' };

  test('of our protocol version is read, fields of a later version and all', () => {
    const text = JSON.stringify({ ...status, added_in_a_later_version: true });
    expect(readAdminStatus(text)).toMatchObject({ status: { version: '9.9.9' }, protocolVersion: 1 });
  });

  test('of another protocol version is not, even where it looks the same', () => {
    expect(readAdminStatus(JSON.stringify({ ...status, protocol_version: 2 }))).toEqual({
      status: null,
      protocolVersion: 2,
    });
  });

  test.each(['', '<html>', '{}', '{"protocol_version":"1"}'])('%j names no version', (text) => {
    expect(readAdminStatus(text)).toEqual({ status: null, protocolVersion: null });
  });

  test('another version says what to upgrade', () => {
    expect(protocolMismatch('air', PROTOCOL_VERSION)).toBeNull();
    expect(protocolMismatch('air', PROTOCOL_VERSION + 1)).toMatchObject({
      code: 'PROTOCOL_MISMATCH',
      hint: expect.stringContaining('Upgrade this mlxfleet'),
    });
    expect(protocolMismatch('air', PROTOCOL_VERSION - 1)?.hint).toBe(
      'Upgrade the agent: mlxfleet deploy air',
    );
  });
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

async function listen(via: Host = host): Promise<ChatClient> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return new ChatClient(via, { port: address.port, adminToken: 'token' });
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

  test('models are told with what they take, and an answer that is not understood tells of none', async () => {
    await using client = await listen();
    const architecture = { input_modalities: ['text', 'image'], output_modalities: ['text'] };
    const eye = { id: 'eye', object: 'model', created: 1, owned_by: 'a', architecture };
    answer = (request, response) => {
      expect([request.url, request.headers['x-admin-token']]).toEqual(['/v1/models', 'token']);
      response.end(JSON.stringify({ object: 'list', data: [eye] }));
    };
    expect(await client.models(signal)).toEqual([eye]);
    for (const broken of ['{}', '<html>']) {
      answer = (_request, response) => response.end(broken);
      expect(await client.models(signal)).toEqual([]);
    }
  });

  test('a model that is shown no images is advice', async () => {
    await using client = await listen();
    const error = {
      message: 'This model takes text only.',
      type: 'invalid_request_error',
      param: 'messages',
      code: 'images_not_supported',
    };
    answer = (_request, response) => response.writeHead(400).end(JSON.stringify({ error }));
    await expect(contentOf(client.stream(question, signal))).rejects.toMatchObject({
      code: 'AGENT_REFUSED',
      message: 'air: This model takes text only.',
      hint: 'Name a vision model with `--model ID`; `GET /v1/models` tells which ones take images. Without one: set `vision: true` for air and list one under `models` in the inventory, such as mlx-community/SmolVLM-500M-Instruct-bf16, then: mlxfleet deploy air. docs/vision.md tells more.',
    });
  });

  describe('a refusal that is about a file', () => {
    const photo = { name: 'photo.png', mediaType: 'image/png', content: Buffer.from('png') } as const;

    async function refusal(fields: Readonly<Record<string, unknown>>): Promise<unknown> {
      await using client = await listen();
      const conversation = new Conversation(client, { model: 'm' }, 'Be brief.');
      const said = userMessage('What is this?', [{ ...photo, name: 'a.png' }, photo], undefined);
      answer = (_request, response) => response.end(`${chunk('Two.')}data: [DONE]\n\n`);
      await conversation.say(said, () => {}, signal);
      const body = { message: '', type: 'invalid_request_error', param: null, code: null, ...fields };
      answer = (_request, response) => response.writeHead(400).end(JSON.stringify({ error: body }));
      return await conversation.say(userMessage('?', [photo], undefined), () => {}, signal).catch(String);
    }

    test.each([
      ['messages.3.content.0', 'air: photo.png: the image is broken.'],
      ['messages.1.content.0', 'air: a.png: the image is broken.'],
      ['messages.1.content.1.image_url.url', 'air: photo.png: the image is broken.'],
      ['messages.1.content.2', "air: 'messages.1.content.2': the image is broken."],
      ['messages.0.content.0', "air: 'messages.0.content.0': the image is broken."],
      ['model', "air: 'model': the image is broken."],
    ])('names it for %s', async (param, message) => {
      const error = { message: `'${param}': the image is broken.`, param, code: 'invalid_media' };
      expect(await refusal(error)).toContain(message);
    });

    test('blames none for a limit of all of them together', async () => {
      const message = 'The request has 6 images.';
      const error = { message, param: 'messages.3.content.0', code: 'too_many_images' };
      expect(await refusal(error)).toContain('air: The request has 6 images.');
    });

    test('names it before a message that names no place', async () => {
      const error = {
        message: 'No images here.',
        param: 'messages.3.content.0',
        code: 'images_not_supported',
      };
      expect(await refusal(error)).toContain('air: photo.png: No images here.');
    });
  });

  test.each([
    ['invalid_media', /PNG, JPEG, WebP, GIF or AVIF/],
    ['media_too_large', /Send a smaller one/],
    ['too_many_images', /images.max_images/],
    ['memory_exhausted', /unload a model/],
    ['something_else', /The agent calls this something_else/],
  ])('what to do about %s is told', (code, hint) => {
    const error = { message: 'No.', type: 'invalid_request_error', param: null, code };
    expect(answerError('air', 400, { error }).hint).toMatch(hint);
  });

  test.each([
    ['Page 9 is asked for, and the document has 2 pages.', /with `--pages`.*\/image FILE PAGES/],
    ['The range of pages 3-1 ends before it begins.', /with `--pages`/],
    ['The document is encrypted. Send it without a password.', /a copy without a password/],
    ['Page 2 of the document is damaged.', /Leave that page out/],
    ["A text holds '<image>', which the model's chat template writes for an image: no.", /\/clear/],
  ])('what to do about "%s" is told, and not that the image is broken', (message, hint) => {
    const error = { message, type: 'invalid_request_error', param: null, code: 'invalid_media' };
    expect(answerError('air', 400, { error }).hint).toMatch(hint);
  });

  test('too many pages are chosen by the option of this program', () => {
    const message =
      'The document has 30 pages, and more are asked for than a request may have: 20 (`images.max_pdf_pages`). Choose fewer with `pages`.';
    const error = { message, type: 'invalid_request_error', param: null, code: 'media_too_large' };
    const { message: told, hint } = answerError('air', 413, { error });
    expect(told).toMatch(/Choose fewer with `--pages`\.$/);
    expect(hint).toMatch(/^Name fewer with `--pages`/);
  });

  test('a stream that breaks off is an error', async () => {
    await using client = await listen();
    answer = (_request, response) => response.end(chunk('half'));
    await expect(contentOf(client.stream(question, signal))).rejects.toMatchObject({
      code: 'AGENT_ANSWER_BROKEN',
    });
  });

  test.each<[string, RequestListener]>([
    ['before it answers', (request) => request.socket.destroy()],
    [
      'in the middle of an answer',
      (request, response) => {
        response.write(chunk('half'), () => request.socket.destroy());
      },
    ],
  ])('an agent that is gone %s is an error for people', async (_when, listener) => {
    await using client = await listen();
    answer = listener;
    await expect(contentOf(client.stream(question, signal))).rejects.toMatchObject({
      code: 'AGENT_ANSWER_BROKEN',
      message: 'air: the agent ended the connection',
    });
  });

  test('a connection to the host that is lost keeps its own error', async () => {
    const streams: Duplex[] = [];
    const losing = new (class extends LocalHost {
      override async openLoopbackPort(port: number): Promise<Duplex> {
        const stream = await super.openLoopbackPort(port);
        streams.push(stream);
        return stream;
      }
    })('air');
    await using client = await listen(losing);
    answer = (_request, response) => response.write(chunk('half'));
    const chunks = client.stream(question, signal);
    await chunks.next();
    for (const stream of streams) stream.destroy(new CodedError(ERRORS.CONNECTION_LOST, 'air: lost'));
    await expect(chunks.next()).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
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
