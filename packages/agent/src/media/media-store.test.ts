import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { agentConfigSchema } from '@mlxfleet/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import { dataUrl, SAMPLES } from '../test-support/sample-media.ts';
import type { Attachment } from './attachment.ts';
import type { FetchMedia } from './fetch-media.ts';
import { MediaStore } from './media-store.ts';
import { Spool } from './spool.ts';

let folder: string;
let stopping: AbortController;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'media-'));
  stopping = new AbortController();
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const nothing: FetchMedia = async () => {
  throw new Error('nothing is fetched here');
};

interface Parts {
  readonly images?: object;
  readonly fetch?: FetchMedia;
  readonly write?: () => Promise<void>;
  readonly mostBytes?: number;
}

function store({ images = {}, fetch = nothing, write, mostBytes = 1e6 }: Parts = {}): MediaStore {
  return new MediaStore({
    settings: agentConfigSchema.parse({ version: 1, images }).images,
    spool: new Spool({ folder, mostBytes, ...(write === undefined ? {} : { write }) }),
    fetch,
    stopping: stopping.signal,
  });
}

function image(url: string, place = 0): Attachment {
  const param = `messages.0.content.${String(place)}`;
  return { kind: 'image', source: { kind: 'url', url }, param, detail: 'high', pages: null, dpi: null };
}

function png(place = 0): Attachment {
  return image(dataUrl('image/png', SAMPLES.png()), place);
}

const never = new AbortController().signal;

function files(): string[] {
  return readdirSync(folder);
}

test('attachments become files, in their order, until they are released', async () => {
  const document: Attachment = {
    kind: 'pdf',
    source: { kind: 'base64', data: SAMPLES.pdf().toString('base64'), mediaType: null },
    param: 'd',
    detail: 'auto',
    pages: [[1, 2]],
    dpi: 72,
  };
  const { media, release } = await store().take([png(), document], never);
  expect(media).toEqual([
    {
      kind: 'image',
      path: path.join(folder, media[0]?.sha256 ?? ''),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      param: 'messages.0.content.0',
      detail: 'high',
      pages: null,
      dpi: null,
    },
    expect.objectContaining({ kind: 'pdf', param: 'd', pages: [[1, 2]], dpi: 72 }),
  ]);
  expect(files()).toHaveLength(2);
  release();
  release();
  expect(files()).toEqual([]);
});

test('an image that stands in a request twice is one file', async () => {
  const url = dataUrl('image/png', SAMPLES.png());
  const { media, release } = await store().take([image(url), image(url, 1)], never);
  expect(media[0]?.path).toBe(media[1]?.path);
  release();
  expect(files()).toEqual([]);
});

test('one image too many is refused by its place, and documents count apart', async () => {
  const images = Array.from({ length: 6 }, (_, place) => png(place));
  await expect(store().take(images, never)).rejects.toMatchObject({
    code: 'TOO_MANY_IMAGES',
    status: 400,
    param: 'messages.0.content.5',
    message:
      'The request has 6 images, those of earlier turns included, and this host takes 5 (images.max_images).',
  });
  const data = SAMPLES.pdf().toString('base64');
  const document: Attachment = {
    ...png(),
    kind: 'pdf',
    source: { kind: 'base64', data, mediaType: 'application/pdf' },
  };
  const { media } = await store().take([...images.slice(1), document, document], never);
  expect(media).toHaveLength(7);
});

test('more documents than there may be pages are refused before anything is decoded', async () => {
  const document: Attachment = {
    ...png(2),
    kind: 'pdf',
    source: { kind: 'base64', data: 'no base64', mediaType: null },
  };
  const documents = [document, document, document];
  await expect(store({ images: { max_pdf_pages: 2 } }).take(documents, never)).rejects.toMatchObject({
    code: 'MEDIA_TOO_LARGE',
    status: 413,
    param: 'messages.0.content.2',
    message:
      'The request has 3 documents, those of earlier turns included. Each has a page at least, and this host takes 2 pages in all (images.max_pdf_pages).',
  });
});

test('each kind has its own size', async () => {
  const images = { max_bytes: 100, max_pdf_bytes: 60 };
  const document: Attachment = {
    ...png(),
    kind: 'pdf',
    source: { kind: 'base64', data: SAMPLES.pdf().toString('base64'), mediaType: null },
  };
  await expect(store({ images }).take([png(), document], never)).rejects.toMatchObject({
    code: 'MEDIA_TOO_LARGE',
    status: 413,
    message:
      "'messages.0.content.0': the document has 73 bytes, and this host takes 60 bytes (images.max_pdf_bytes).",
  });
  expect(files()).toEqual([]);
});

test('nothing is left of a request whose second image is refused', async () => {
  await expect(store().take([png(), image('data:image/png;base64,AAAA', 1)], never)).rejects.toMatchObject({
    code: 'INVALID_MEDIA',
    param: 'messages.0.content.1',
  });
  expect(files()).toEqual([]);
});

test('nothing is left of a request that ends meanwhile', async () => {
  const ending = new AbortController();
  const taking = store().take([png(), png(1), png(2)], ending.signal);
  setImmediate(() => {
    ending.abort(new Error('gone'));
  });
  await expect(taking).rejects.toThrow('gone');
  expect(files()).toEqual([]);
});

test.each([
  ['ENOSPC', 'INSUFFICIENT_STORAGE'],
  ['EDQUOT', 'INSUFFICIENT_STORAGE'],
  ['EIO', 'EIO'],
])('a disk that says %s', async (code, told) => {
  const write = async (): Promise<void> => {
    throw Object.assign(new Error('the disk'), { code });
  };
  await expect(store({ write }).take([png()], never)).rejects.toMatchObject({ code: told });
  expect(files()).toEqual([]);
});

test('a request for whose files there is no room beside those of others comes again', async () => {
  const tight = store({ mostBytes: SAMPLES.png().length });
  const held = png(1);
  const { release } = await tight.take([held, held], never);
  const other = image(dataUrl('image/gif', SAMPLES.gif()));
  await expect(tight.take([held, other], never)).rejects.toMatchObject({
    code: 'MEDIA_IN_FLIGHT',
    status: 503,
    retryAfter: 5,
    param: 'messages.0.content.0',
  });
  expect(files()).toHaveLength(1);
  release();
  expect((await tight.take([other], never)).media).toHaveLength(1);
});

describe('images behind URLs', () => {
  const url = 'https://images.example/a.png';
  const images = { allow_urls: true, max_bytes: 100 };

  test('are refused unless the host allows them', async () => {
    await expect(store().take([image(url)], never)).rejects.toMatchObject({
      code: 'MEDIA_URL_NOT_ALLOWED',
      status: 400,
      param: 'messages.0.content.0',
    });
  });

  test('are fetched, and are what their content is', async () => {
    const asked: unknown[] = [];
    const fetch: FetchMedia = async (target, { maxBytes }) => {
      asked.push([target.href, maxBytes]);
      return SAMPLES.webp();
    };
    const { media } = await store({ images, fetch }).take([image(url)], never);
    expect(asked).toEqual([[url, 100]]);
    expect(files()).toEqual([media[0]?.sha256]);
  });

  test.each<[string, Buffer, string]>([
    ['a document', SAMPLES.pdf(), 'INVALID_MEDIA'],
    ['nothing', Buffer.alloc(0), 'INVALID_MEDIA'],
  ])('that lead to %s are refused', async (_, bytes, code) => {
    const fetch: FetchMedia = async () => bytes;
    await expect(store({ images, fetch }).take([image(url)], never)).rejects.toMatchObject({ code });
  });

  test('that cannot be fetched are named by their part', async () => {
    const failure = new ApiError(API_ERRORS.MEDIA_URL_REFUSED, 'The URL was not fetched.');
    const fetch: FetchMedia = async () => {
      throw failure;
    };
    await expect(store({ images, fetch }).take([image(url)], never)).rejects.toMatchObject({
      code: 'MEDIA_URL_REFUSED',
      param: 'messages.0.content.0',
      message: "'messages.0.content.0': The URL was not fetched.",
      cause: failure,
    });
  });

  test('are fetched eight at a time, and the next when one has its file', async () => {
    let asked = 0;
    const gates: PromiseWithResolvers<Uint8Array>[] = [];
    const fetch: FetchMedia = async () => {
      asked += 1;
      const gate = Promise.withResolvers<Uint8Array>();
      gates.push(gate);
      return await gate.promise;
    };
    const shared = store({ images, fetch });
    const ending = new AbortController();
    const taken = Array.from({ length: 9 }, async () => await shared.take([image(url)], never));
    const left = shared.take([image(url)], ending.signal);
    await new Promise(setImmediate);
    expect(asked).toBe(8);
    ending.abort(new Error('the client is gone'));
    await expect(left).rejects.toThrow('the client is gone');
    gates[3]?.resolve(SAMPLES.png());
    await Promise.race(taken);
    expect(asked).toBe(9);
    for (const { resolve } of gates) resolve(SAMPLES.png());
    expect(await Promise.all(taken)).toHaveLength(9);
    expect(asked).toBe(9);
  });

  test.each(['the client', 'the agent'])('are given up when %s goes', async (who) => {
    const ending = new AbortController();
    const fetch: FetchMedia = async (_, { signal }) =>
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(new Error('aborted'));
        });
        (who === 'the client' ? ending : stopping).abort(new Error(`${who} is gone`));
      });
    await expect(store({ images, fetch }).take([png(), image(url)], ending.signal)).rejects.toThrow(
      `${who} is gone`,
    );
    expect(files()).toEqual([]);
  });
});
