import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { openAiErrorSchema } from '@mlxfleet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentProcess, startAgent } from '../../../support/agent-process.ts';
import { describeUnless } from '../../../support/skipping.ts';
import { completion, image, linked, MODEL, picture, post, shown, text } from './requests.ts';

/** A server of this machine that nobody may reach through the agent. */
interface Watched {
  readonly port: number;
  /** How many connections have come. */
  readonly count: () => number;
  readonly close: () => void;
}

/** @param port 0 for any that is free. */
async function watch(port: number): Promise<Watched> {
  let count = 0;
  const server: Server = createServer((socket) => {
    count += 1;
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  });
  // Every address of the machine, of both families.
  server.listen(port, '::');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server has no port');
  return { port: address.port, count: () => count, close: () => server.close() };
}

const web = await watch(80).catch((error: unknown) =>
  error instanceof Error ? error.message : String(error),
);

let agent: AgentProcess;
beforeAll(async () => {
  agent = await startAgent({ models: [MODEL], config: { images: { allow_urls: true } } });
});
afterAll(async () => {
  if (typeof web !== 'string') web.close();
  await agent.stop();
});

async function refusal(url: string): Promise<unknown> {
  const response = await post(agent, shown(text('What is this?'), linked(url)));
  const { error } = openAiErrorSchema.parse(await response.json());
  return { status: response.status, ...error };
}

const REFUSED = { status: 400, code: 'media_url_refused', param: 'messages.0.content.1' };
const NOT_PUBLIC =
  /^'messages\.0\.content\.1': The URL \S+ was not fetched: its host cannot be found, or has an address that is not public\.$/;

/** Where the machine itself is, in every way of writing that a resolver or a URL parser takes. */
const OWN = [
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '0177.0.0.1',
  '127.0.0.1.',
  '0.0.0.0',
  '0',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  'localhost',
  'LOCALHOST.',
  'a.localhost',
  '①②⑦.⓪.⓪.①',
];

/** Where a cloud tells secrets to its virtual machines, and where the devices of a network are. */
const INNER = [
  '169.254.169.254',
  '2852039166',
  '0xa9fea9fe',
  '[::ffff:169.254.169.254]',
  '[fd00:ec2::254]',
  '[fe80::1]',
  '100.100.100.200',
  'metadata.google.internal',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  'printer.local',
  'router',
];

describe('with images.allow_urls, what is not public is refused', () => {
  test.each([...OWN, ...INNER])('%s', async (host) => {
    for (const scheme of ['http', 'https']) {
      const url = `${scheme}://${host}/latest/meta-data/a.png`;
      expect(await refusal(url)).toMatchObject({ ...REFUSED, message: expect.stringMatching(NOT_PUBLIC) });
    }
  });

  test('a server on another port of this machine is not asked', async () => {
    const server = await watch(0);
    try {
      for (const host of ['127.0.0.1', 'localhost', '[::1]', '0x7f000001', '[::ffff:127.0.0.1]']) {
        expect(await refusal(`http://${host}:${String(server.port)}/a.png`)).toMatchObject({
          ...REFUSED,
          message: expect.stringContaining('only port 80 with http and port 443 with https are allowed'),
        });
      }
      expect(server.count()).toBe(0);
      // It counts those who come.
      await fetch(`http://127.0.0.1:${String(server.port)}/`);
      expect(server.count()).toBe(1);
    } finally {
      server.close();
    }
  });

  test('a password', async () => {
    expect(await refusal('http://me:secret@127.0.0.1/a.png')).toMatchObject({
      ...REFUSED,
      message: expect.stringMatching(/must not hold a user name or a password/),
    });
  });

  test('a long one is not even read', async () => {
    expect(await refusal(`http://127.0.0.1/${'a'.repeat(8100)}`)).toMatchObject({
      ...REFUSED,
      code: 'invalid_media',
      message: expect.stringContaining('found one of more than 8000 characters'),
    });
  });

  test('a message repeats no secret of the URL', async () => {
    const told = JSON.stringify(await refusal('http://127.0.0.1/path-secret?key=query-secret#hash-secret'));
    expect(told).toContain('http://127.0.0.1 ');
    expect(told).not.toContain('secret');
  });

  test.each(['file:///etc/passwd', '/etc/passwd', 'gopher://127.0.0.1/'])(
    'no other scheme: %s',
    async (url) => {
      expect(await refusal(url)).toMatchObject({ ...REFUSED, code: 'invalid_media' });
    },
  );
});

describe.each([
  {
    route: '/v1/messages',
    body: (url: string) => ({
      model: MODEL,
      max_tokens: 4,
      messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url } }] }],
    }),
  },
  {
    route: '/v1/responses',
    body: (url: string) => ({
      model: MODEL,
      input: [{ role: 'user', content: [{ type: 'input_image', image_url: url }] }],
    }),
  },
])('of $route', ({ route, body }) => {
  test.each(['http://127.0.0.1/a.png', 'http://169.254.169.254/a.png'])('%s', async (url) => {
    const response = await post(agent, body(url), route);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('its host cannot be found, or has an address that is not public');
  });
});

describeUnless(
  typeof web === 'string' ? `port 80 cannot be listened on (${web})` : null,
  'a web server of this machine',
  () => {
    test('was not asked by any of them', async () => {
      if (typeof web === 'string') throw new Error(web);
      expect(web.count()).toBe(0);
      await fetch('http://127.0.0.1/');
      await fetch('http://[::1]/');
      expect(web.count()).toBe(2);
    });
  },
);

test('afterwards a good request works', async () => {
  const { usage } = await completion(agent, shown(text('What is this?'), image(picture(1))));
  expect(usage.prompt_tokens_details.image_tokens).toBeGreaterThan(0);
});
