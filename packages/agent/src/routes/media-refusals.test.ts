import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  nothingSpooled,
  picture,
  PNG,
  said,
  shownChat as chat,
  shownMedia,
  spooled,
  VISION,
} from '../test-support/media-requests.ts';
import { base64, SAMPLES } from '../test-support/sample-media.ts';
import { safetensors } from '../test-support/safetensors.ts';
import { agentsForTests, FAKE_WORKERS } from '../test-support/test-agent.ts';

const CHAT = '/v1/chat/completions';
const IMAGE = 'messages.0.content.0';

const startAgent = agentsForTests();

const PDF = SAMPLES.pdf();
const LARGE = Buffer.concat([PNG, Buffer.alloc(11e6)]);

test.each<[string, object, number, string, string | null]>([
  ['a text model', { ...chat([picture()]), model: 'm' }, 400, 'images_not_supported', IMAGE],
  ['an unknown model', { ...chat([picture()]), model: 'none' }, 404, 'model_not_found', 'model'],
  ['wrong magic bytes', chat([picture(Buffer.from('hello'))]), 400, 'invalid_media', IMAGE],
  ['SVG', chat([picture(SAMPLES.svg(), 'image/svg+xml')]), 400, 'invalid_media', IMAGE],
  ['a text', chat([picture(Buffer.from('hi'), 'text/plain')]), 400, 'invalid_media', IMAGE],
  ['another type', chat([picture(SAMPLES.gif(), 'image/jpeg')]), 400, 'invalid_media', IMAGE],
  ['HEIC', chat([picture(SAMPLES.heic(), 'image/heic')]), 400, 'invalid_media', IMAGE],
  [
    'six images',
    chat(Array.from({ length: 6 }, () => picture())),
    400,
    'too_many_images',
    'messages.0.content.5',
  ],
  ['11 MB', chat([picture(LARGE)]), 413, 'media_too_large', IMAGE],
  [
    'broken base64',
    chat([{ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBO*' } }]),
    400,
    'invalid_media',
    IMAGE,
  ],
  [
    'a file of the host',
    chat([{ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }]),
    400,
    'invalid_media',
    IMAGE,
  ],
  ['a path', chat([{ type: 'image_url', image_url: { url: '/etc/passwd' } }]), 400, 'invalid_media', IMAGE],
  [
    'a URL',
    chat([{ type: 'image_url', image_url: { url: 'http://169.254.169.254/a' } }]),
    400,
    'media_url_not_allowed',
    IMAGE,
  ],
  [
    'a file that is kept elsewhere',
    chat([{ type: 'file', file: { file_id: 'file-1' } }]),
    400,
    'unsupported_parameter',
    `${IMAGE}.file.file_id`,
  ],
  [
    'a document without data',
    chat([{ type: 'file', file: {} }]),
    400,
    'missing_required_parameter',
    `${IMAGE}.file.file_data`,
  ],
  [
    'pages that are none',
    chat([{ type: 'file', file: { file_data: base64(PDF), pages: '3-1' } }]),
    400,
    'invalid_value',
    `${IMAGE}.file.pages`,
  ],
  [
    'too many dots',
    chat([{ type: 'file', file: { file_data: base64(PDF), dpi: 1200 } }]),
    400,
    'invalid_value',
    `${IMAGE}.file.dpi`,
  ],
  [
    'an image of the system',
    { model: 'eye', messages: [{ role: 'system', content: [picture()] }] },
    400,
    'invalid_value',
    IMAGE,
  ],
  [
    'a document of a developer',
    {
      model: 'eye',
      messages: [{ role: 'developer', content: [{ type: 'file', file: { file_data: 'x' } }] }],
    },
    400,
    'invalid_value',
    IMAGE,
  ],
  ['a long text', chat('x'.repeat(17 * 1024 ** 2)), 413, 'body_too_large', null],
  [
    'a long text beside an image',
    chat([picture(), said('x'.repeat(17 * 1024 ** 2))]),
    413,
    'body_too_large',
    null,
  ],
])('%s', async (_, request, status, code, param) => {
  const agent = await startAgent(VISION);
  const answer = await agent.post(CHAT, request);
  expect([answer.status, await answer.json()]).toMatchObject([status, { error: { code, param } }]);
  expect(spooled(agent)).toEqual([]);
});

test.each([
  [
    chat([{ type: 'file', file: { file_data: base64(PDF), pages: '3-1' } }]),
    `'${IMAGE}.file.pages': 3-1 runs backwards: write 1-3.`,
  ],
  [
    chat([{ ...picture(), detail: 'high' }]),
    `'${IMAGE}.detail' is not supported here: it stands inside image_url, as {url, detail}.`,
  ],
])('%j is told %s', async (request, message) => {
  const agent = await startAgent(VISION);
  expect(await (await agent.post(CHAT, request)).json()).toMatchObject({ error: { message } });
});

test('without URLs the API of Anthropic asks for a source of its own', async () => {
  const agent = await startAgent(VISION);
  const source = { type: 'url', url: 'https://a.example/a.png' };
  const messages = [{ role: 'user', content: [{ type: 'image', source }] }];
  const answer = await agent.post('/v1/messages', { model: 'eye', max_tokens: 5, messages });
  expect(await answer.json()).toMatchObject({
    error: {
      message: expect.stringMatching(/send it as a source of type base64 .*, or set images\.allow_urls/),
    },
  });
});

test('detail may be original, which is high', async () => {
  const agent = await startAgent(VISION);
  const url = 'data:image/png;base64,' + base64(PNG);
  const original = { type: 'image_url', image_url: { url, detail: 'original' } };
  expect(await shownMedia(agent, chat([said('show-media'), original]))).toMatchObject([{ detail: 'high' }]);
});

test.each([
  [CHAT, { type: 'file', file: { file_data: base64(PDF), pages: '9' } }, `${IMAGE}.file.pages`],
  [
    '/v1/messages',
    {
      type: 'document',
      source: { type: 'base64', media_type: 'application/pdf', data: base64(PDF) },
      pages: '9',
    },
    `${IMAGE}.pages`,
  ],
])('pages that a document does not have are named: %s', async (route, document, param) => {
  const agent = await startAgent(VISION);
  const messages = [{ role: 'user', content: [document, said('pageless')] }];
  const answer = await agent.post(route, { model: 'eye', max_tokens: 5, messages });
  expect(await answer.json()).toMatchObject({
    error: { message: `'${param}': page 9 is asked for, and the document has 2 pages.` },
  });
});

test.each([
  [CHAT, { stream: true }],
  [CHAT, {}],
  ['/v1/messages', { max_tokens: 5 }],
  ['/v1/messages/count_tokens', {}],
])('a text that a worker refuses for what it holds is named: %s %j', async (route, more) => {
  const agent = await startAgent(VISION);
  const messages = [
    { role: 'user', content: 'marked' },
    { role: 'user', content: 'a <|mark|> here' },
  ];
  const answer = await agent.post(route, { model: 'eye', messages, ...more });
  expect([answer.status, await answer.json()]).toMatchObject([
    400,
    { error: { message: "'messages.1.content': a text holds '<|mark|>'." } },
  ]);
});

test('a refusal says which model takes text only, and what to do', async () => {
  const agent = await startAgent(VISION);
  expect(await (await agent.post(CHAT, { ...chat([picture()]), model: 'm' })).json()).toMatchObject({
    error: {
      message:
        "The model 'm' takes text only on this host, and the message holds an image: send text only, or name a vision model.",
    },
  });
});

test('of a vision model that is served as text the refusal says what the host lacks', async () => {
  const agent = await startAgent({ overrides: { worker: { ...FAKE_WORKERS, visionPython: null } } });
  const folder = path.join(agent.root, 'shared', 'models', 'seeing');
  mkdirSync(folder);
  const config = { fake: {}, model_type: 'qwen2_vl', vision_config: {} };
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config));
  writeFileSync(path.join(folder, 'model.safetensors'), safetensors(['visual.patch_embed.weight']));
  expect(await (await agent.post(CHAT, { ...chat([picture()]), model: 'seeing' })).json()).toMatchObject({
    error: {
      code: 'images_not_supported',
      message:
        "The model 'seeing' takes text only on this host, and the message holds an image: set vision: true in the inventory and deploy again to have it shown images.",
    },
  });
});

test('a body that is too large for its files names the settings that decide', async () => {
  const images = { max_images: 1, max_bytes: 2000, max_pdf_bytes: 2000 };
  const agent = await startAgent({ ...VISION, config: { images } });
  const file = { type: 'file', file: { file_data: base64(Buffer.alloc(13e6)) } };
  const answer = await agent.post(CHAT, chat([file]));
  expect([answer.status, await answer.json()]).toMatchObject([
    413,
    {
      error: {
        code: 'body_too_large',
        message: expect.stringMatching(
          /takes 16 MiB, which images\.max_images, .*images\.max_pdf_bytes decide/,
        ),
      },
    },
  ]);
});

test('a spool that is gone is made again', async () => {
  const agent = await startAgent(VISION);
  rmSync(path.join(agent.root, 'shared', 'spool'), { recursive: true });
  expect(await shownMedia(agent, chat([said('show-media'), picture()]))).toMatchObject([
    { bytes: PNG.length },
  ]);
  await nothingSpooled(agent);
});

test('five images of 10 MB and a document of 30 MB are no refusal', async () => {
  const agent = await startAgent(VISION);
  const image = Buffer.concat([PNG, Buffer.alloc(10e6)]).subarray(0, 10e6);
  const document = Buffer.concat([PDF, Buffer.alloc(30e6)]);
  const file = { type: 'file', file: { file_data: base64(document) } };
  const images = Array.from({ length: 5 }, () => picture(image));
  const media = await shownMedia(agent, chat([said('show-media'), ...images, file]));
  const bytes = [...Array<number>(5).fill(10e6), document.length];
  expect(media).toMatchObject(bytes.map((each) => ({ bytes: each })));
  await nothingSpooled(agent);
});

test('a host without a vision environment reads no bodies longer than texts', async () => {
  const worker = { ...FAKE_WORKERS, visionPython: null };
  const agent = await startAgent({ ...VISION, overrides: { worker } });
  const request = chat([picture(LARGE), picture(LARGE)]);
  const answer = await agent.post(CHAT, request);
  expect([answer.status, await answer.json()]).toMatchObject([413, { error: { code: 'body_too_large' } }]);
  const small = await agent.post(CHAT, chat([picture()]));
  expect(await small.json()).not.toMatchObject({ error: { code: 'body_too_large' } });
});
