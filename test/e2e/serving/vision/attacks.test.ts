import { randomInt } from 'node:crypto';
import { openAiErrorSchema } from '@mlxfleet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AgentProcess, startAgent } from '../../../support/agent-process.ts';
import { describeUnless } from '../../../support/skipping.ts';
import { ownMemory } from '../../../support/worker-processes.ts';
import { makeFiles, type MadeFile } from './made-files.ts';
import {
  answerText,
  completion,
  dataUrl,
  image,
  linked,
  MODEL,
  type Part,
  pdf,
  picture,
  post,
  processesOf,
  shown,
  spooled,
  text,
} from './requests.ts';

let agent: AgentProcess;
let file: MadeFile;
/** What the model says of a good image before anything else. */
let goodText: string;
/** Before the attacks. */
let memory: Memory;

beforeAll(async () => {
  [agent, file] = await Promise.all([startAgent({ models: [MODEL] }), makeFiles()]);
  goodText = await answerText(agent, good());
  // What is loaded once, for each kind of file, is no leak.
  for (const part of [image(file('good.png')), pdf(file('report.pdf')), ...kinds()]) {
    await completion(agent, shown(part));
  }
  if (process.platform === 'linux') memory = await memoryNow();
});
afterAll(async () => {
  await agent.stop();
});

function kinds(): Part[] {
  return [
    image(file('good.jpg'), 'image/jpeg'),
    image(file('good.webp'), 'image/webp'),
    image(file('good.gif'), 'image/gif'),
  ];
}

function good(): object {
  return shown(text('What is this?'), image(picture(1)));
}

/** Bytes that each process has to itself; those of one that does not run are null. */
interface Memory {
  readonly agent: number;
  readonly worker: number | null;
  readonly decoder: number | null;
}

async function memoryNow(): Promise<Memory> {
  const { worker, decoder } = await processesOf(agent.pid);
  return {
    agent: await ownMemory(agent.pid),
    worker: worker === null ? null : await ownMemory(worker),
    decoder: decoder === null ? null : await ownMemory(decoder),
  };
}

interface Attack {
  readonly name: string;
  /** What stands behind the text, in the third message. */
  readonly parts: () => readonly Part[];
  readonly status?: number;
  readonly code?: string;
  /** What is wrong, and what to do. */
  readonly message: RegExp;
  readonly param?: string;
}

const WHERE = 'messages.2.content.1';
const PIXELS = { status: 413, code: 'media_too_large' } as const;
const FORMATS = 'images are PNG, JPEG, WebP, GIF or AVIF';
const DAMAGED = /the image('s (PNG|WEBP|GIF|JPEG) header)? is (truncated or )?damaged/i;
const SVG = Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/><script>alert(1)</script></svg>',
);

const ENDINGS = ['png', 'jpg', 'webp', 'gif'] as const;
type ImageName = `${string}.${(typeof ENDINGS)[number]}`;

/** Files of make_files.py as images, under the type that they say they have. */
function images(message: RegExp, names: readonly ImageName[], refusal: Partial<Attack> = {}): Attack[] {
  return names.map((name) => ({
    name,
    parts: () => [image(file(name), `image/${(name.split('.').at(-1) ?? '').replace('jpg', 'jpeg')}`)],
    message,
    ...refusal,
  }));
}

/** One part that can be written down. */
function one(name: string, part: () => Part, message: RegExp, refusal: Partial<Attack> = {}): Attack {
  return { name, parts: () => [part()], message, ...refusal };
}

const everyKind = (name: string): ImageName[] => ENDINGS.map((ending) => `${name}.${ending}` as const);

const attacks: readonly Attack[] = [
  ...images(
    /has 400,000,000 pixels \(20,000 x 20,000\), and at most 50,000,000 are taken/,
    ['bomb.png'],
    PIXELS,
  ),
  ...images(/has 4,290,250,000 pixels .*, and at most 50,000,000 are taken/, ['bomb.jpg'], PIXELS),
  ...images(/has 100,020,001 pixels \(10,001 x 10,001\)/, ['10001.png', '10001.jpg'], PIXELS),
  ...images(DAMAGED, ['bomb-text.png', 'script.gif', ...everyKind('truncated'), ...everyKind('corrupt')]),
  one(
    'wrong magic bytes',
    () => image(Buffer.from('hello')),
    new RegExp(`no format that is known.*${FORMATS}`),
  ),
  one('SVG', () => image(SVG, 'image/svg+xml'), new RegExp(`'image/svg\\+xml', and ${FORMATS}`)),
  one('SVG that is said to be PNG', () => image(SVG), new RegExp(`its content is SVG, and ${FORMATS}`)),
  one(
    'PNG that is said to be JPEG',
    () => image(file('good.png'), 'image/jpeg'),
    /said to be JPEG, and its content is PNG/,
  ),
  one(
    'JPEG with a PDF behind, as a document',
    () => pdf(file('document-behind.jpg')),
    /JPEG, and documents are PDF/,
  ),
  one(
    'JPEG with a PDF inside, as a document',
    () => pdf(file('document-inside.jpg')),
    /JPEG, and documents are PDF/,
  ),
  {
    name: 'six images',
    parts: () => [1, 2, 3, 4, 5, 6].map((seed) => image(picture(seed))),
    code: 'too_many_images',
    message: /has 6 images.*takes 5 \(images\.max_images\)/,
    param: 'messages.2.content.6',
  },
  one(
    'an image of 11 MB',
    () => image(Buffer.concat([picture(1), Buffer.alloc(11e6)])),
    /has 11\.01 MB, and this host takes 10 MB \(images\.max_bytes\)/,
    PIXELS,
  ),
  one('broken base64', () => linked('data:image/png;base64,iVBO*'), /no valid base64/),
  one(
    'a data URL without base64',
    () => linked('data:image/png,PNG'),
    /has to be of base64: data:image\/png;base64,/,
  ),
  one('a text', () => image(Buffer.from('hello'), 'text/plain'), new RegExp(`'text/plain', and ${FORMATS}`)),
  one('nothing', () => linked('data:image/png;base64,'), /there is nothing in it/),
  one('a document of nothing', () => pdf(Buffer.alloc(0)), /there is nothing in it/),
  one(
    '10,000 pages',
    () => pdf(file('10000-pages.pdf')),
    /10,000 pages.*may have: 20 \(`images\.max_pdf_pages`\).*Choose fewer with `pages`/,
    PIXELS,
  ),
  one('an encrypted PDF', () => pdf(file('secret.pdf')), /is encrypted\. Send it without a password/),
  one('half a PDF', () => pdf(file('report.pdf').subarray(0, 900)), /is not a PDF, or is damaged/),
  one(
    'a PDF that takes all memory',
    () => pdf(file('bomb-memory.pdf')),
    /document (takes too (much memory|long) to decode|could not be decoded)/,
  ),
  one(
    'a PDF as an image',
    () => image(file('report.pdf'), 'application/pdf'),
    new RegExp(`'application/pdf', and ${FORMATS}; documents have a part of their own`),
  ),
  one(
    'an image as a document',
    () => pdf(picture(1)),
    /PNG, and documents are PDF; images have a part of their own/,
  ),
  one(
    'an image as a document that is said to be an image',
    () => ({ type: 'file', file: { file_data: dataUrl('image/png', picture(1)), filename: 'a.png' } }),
    /'image\/png', and documents are PDF; images have a part of their own/,
  ),
  ...['file:///etc/passwd', 'ftp://127.0.0.1/a.png', 'javascript:alert(1)'].map((url) =>
    one(url, () => linked(url), /expected a data URL .*, found the scheme '(file|ftp|javascript)'/),
  ),
  ...['/etc/passwd', '../../etc/passwd', 'C:\\a.png', ''].map((url) =>
    one(
      `the path '${url}'`,
      () => linked(url),
      /expected a data URL .*, found (a text without a|the) scheme/,
    ),
  ),
  ...['https://example.com/a.png', 'http://169.254.169.254/latest/meta-data/'].map((url) =>
    one(url, () => linked(url), /fetches no images: send it as a data URL .*, or set images\.allow_urls/, {
      code: 'media_url_not_allowed',
    }),
  ),
];

/** In a conversation, where there are several places for it. */
function sent(parts: readonly Part[]): object {
  const messages = [
    { role: 'user', content: 'Hello' },
    { role: 'assistant', content: 'Hello to you.' },
    { role: 'user', content: [text('What is this?'), ...parts] },
  ];
  return { model: MODEL, messages, max_tokens: 12, temperature: 0 };
}

test.each(attacks)(
  '$name',
  async ({ parts, status = 400, code = 'invalid_media', message, param = WHERE }) => {
    const response = await post(agent, sent(parts()));
    const { error } = openAiErrorSchema.parse(await response.json());
    expect({ status: response.status, ...error }).toMatchObject({ status, code, param });
    expect(error.message).toMatch(message);
    // Anthropic's errors have no `param`, and many clients show the message alone. Too many are nobody's place.
    expect(error.message.startsWith(`'${param}': `)).toBe(code !== 'too_many_images');
    expect(spooled(agent)).toEqual([]);
    expect(await answerText(agent, good())).toBe(goodText);
  },
);

describe('what another program would read as something else is an image, and nothing else', () => {
  test.each([
    ['script-behind.gif', 'good.gif', 'image/gif'],
    ['document-behind.jpg', 'good.jpg', 'image/jpeg'],
    ['document-inside.jpg', 'good.jpg', 'image/jpeg'],
  ])('%s', async (name, same, mediaType) => {
    const texts = [name, same].map((each) => answerText(agent, shown(image(file(each), mediaType))));
    const [polyglot, plain] = await Promise.all(texts);
    expect(polyglot).toBe(plain);
  });
});

/** The same broken image, and the same bomb, in the other two APIs. */
const elsewhere = [
  {
    route: '/v1/messages',
    place: 'messages.0.content.1',
    body: (bytes: Buffer) => {
      const source = { type: 'base64', media_type: 'image/png', data: bytes.toString('base64') };
      const content = [text('What is this?'), { type: 'image', source }];
      return { model: MODEL, max_tokens: 4, messages: [{ role: 'user', content }] };
    },
  },
  {
    route: '/v1/responses',
    place: 'input.0.content.1',
    body: (bytes: Buffer) => {
      const content = [
        { type: 'input_text', text: 'What is this?' },
        { type: 'input_image', image_url: dataUrl('image/png', bytes) },
      ];
      return { model: MODEL, max_output_tokens: 4, input: [{ role: 'user', content }] };
    },
  },
] as const;

test.each(elsewhere)('$route says where it is as well', async ({ route, place, body }) => {
  const cases = [
    ['truncated.png', 400, 'the image is truncated or damaged.'],
    ['bomb.png', 413, 'the image has 400,000,000 pixels (20,000 x 20,000), and at most 50,000,000 are taken'],
  ] as const;
  for (const [name, status, message] of cases) {
    const response = await post(agent, body(file(name)), route);
    const { error } = z.object({ error: z.object({ message: z.string() }) }).parse(await response.json());
    expect(response.status).toBe(status);
    expect(error.message).toContain(`'${place}': ${message}`);
  }
  expect((await post(agent, body(picture(1)), route)).status).toBe(200);
});

test('of a document with 10,000 pages two can be asked for', async () => {
  const { usage } = await completion(agent, shown(pdf(file('10000-pages.pdf'), '1-2')));
  const first = await completion(agent, shown(pdf(file('10000-pages.pdf'), '1')));
  expect(first.usage.prompt_tokens_details.image_tokens).toBeGreaterThan(0);
  expect(usage.prompt_tokens_details.image_tokens).toBe(
    2 * (first.usage.prompt_tokens_details.image_tokens ?? Number.NaN),
  );
});

test('a document that takes for ever to draw is given up, and nobody who sends text waits for it', async () => {
  let isOver = false;
  const refused = post(agent, sent([pdf(file('bomb-time.pdf'))])).finally(() => {
    isOver = true;
  });
  await expect.poll(() => spooled(agent), { timeout: 10_000 }).toHaveLength(1);
  for (let turn = 0; turn < 5; turn += 1) await completion(agent, shown(text(`Hello ${String(turn)}`)));
  expect(isOver).toBe(false);
  const response = await refused;
  const { error } = openAiErrorSchema.parse(await response.json());
  expect({ status: response.status, ...error }).toMatchObject({
    status: 400,
    code: 'invalid_media',
    param: WHERE,
  });
  expect(error.message).toMatch(/the document takes too long to decode/i);
  expect(await answerText(agent, good())).toBe(goodText);
});

/** Bytes by which a process may have grown: what allocators keep, and what V8 has not collected of the bodies yet. */
const GROWTH = { agent: 130e6, worker: 25e6, decoder: 15e6 } as const;
/** The same for as many attacks once more. */
const FURTHER_GROWTH = { agent: 25e6, worker: 5e6, decoder: 5e6 } as const;

/** By how many bytes each process has grown more than it may have; empty where none has. */
async function excess(before: Memory, growth: typeof GROWTH | typeof FURTHER_GROWTH): Promise<object> {
  // The last attack may have ended the decoder, and what was seen before is not decoded again.
  await completion(agent, shown(image(picture(randomInt(2 ** 31)))));
  const now = await memoryNow();
  const names = ['agent', 'worker', 'decoder'] as const;
  const grown = names.map(
    (name) => [name, (now[name] ?? Number.NaN) - (before[name] ?? Number.NaN) - growth[name]] as const,
  );
  return Object.fromEntries(grown.filter(([, bytes]) => !(bytes < 0)));
}

async function sendBombs(rounds: number): Promise<void> {
  const names = ['bomb.png', 'bomb.jpg', 'bomb-text.png', '10001.png', '10001.jpg'] as const;
  const bombs = [...images(/./, names).map(({ parts }) => parts()), [pdf(file('10000-pages.pdf'))]];
  for (let round = 0; round < rounds; round += 1) {
    const statuses = bombs.map(async (parts) => (await post(agent, sent(parts))).status);
    expect(await Promise.all(statuses)).toEqual([413, 413, 400, 413, 413, 413]);
  }
}

describeUnless(process.platform === 'linux' ? null : 'memory is read from /proc', 'memory', () => {
  test('after all of them is what it was', async () => {
    expect(await excess(memory, GROWTH)).toEqual({});
    expect(spooled(agent)).toEqual([]);
  });

  test('after 30 times the bombs, 120 times, and 120 times once more, is what it was', async () => {
    await sendBombs(30);
    expect(await excess(memory, GROWTH)).toEqual({});
    await sendBombs(90);
    expect(await excess(memory, GROWTH)).toEqual({});
    const between = await memoryNow();
    await sendBombs(120);
    expect(await excess(between, FURTHER_GROWTH)).toEqual({});
    expect(spooled(agent)).toEqual([]);
    expect(await answerText(agent, good())).toBe(goodText);
  });
});
