import { expect, test } from 'vitest';
import { dataUrl, SAMPLES } from '../test-support/sample-media.ts';
import type { Attachment, AttachmentSource } from './attachment.ts';
import { decodeContent, locateContent } from './media-content.ts';

const MOST = 1000;

function read(source: AttachmentSource, kind: Attachment['kind'] = 'image'): unknown {
  const attachment: Attachment = { kind, source, param: 'p', detail: 'auto', pages: null, dpi: null };
  const content = locateContent(attachment);
  return content.kind === 'inline' ? decodeContent(attachment, content, MOST) : content.url.href;
}

function url(text: string): AttachmentSource {
  return { kind: 'url', url: text };
}

function base64(bytes: Uint8Array, mediaType: string | null): AttachmentSource {
  return { kind: 'base64', data: Buffer.from(bytes).toString('base64'), mediaType };
}

test.each([
  ['image/png', 'png'],
  ['image/jpeg', 'jpeg'],
  ['IMAGE/JPG', 'jpeg'],
  ['image/gif', 'gif'],
  ['image/webp', 'webp'],
  ['image/avif', 'avif'],
] as const)('%s is read', (type, format) => {
  const bytes = SAMPLES[format]();
  expect(read(url(dataUrl(type, bytes)))).toEqual(bytes);
  expect(read(base64(bytes, type))).toEqual(bytes);
});

test('documents are read, whether or not they say what they are', () => {
  const bytes = SAMPLES.pdf();
  expect(read(url(dataUrl('application/pdf', bytes)), 'pdf')).toEqual(bytes);
  expect(read(base64(bytes, null), 'pdf')).toEqual(bytes);
  expect(read(base64(bytes, ''), 'pdf')).toEqual(bytes);
  expect(read(url(dataUrl('', bytes)), 'pdf')).toEqual(bytes);
});

test.each(['http://a.example/b.png', 'HTTPS://a.example/b'])('%s is elsewhere', (text) => {
  expect(read(url(text))).toBe(new URL(text).href);
});

const IMAGES = 'images are PNG, JPEG, WebP, GIF or AVIF';
const EXPECTED =
  'expected a data URL (data:image/png;base64,…), or an http(s) URL where the host allows them';

test.each<[string, AttachmentSource, string]>([
  ['a text', url(dataUrl('text/plain', Buffer.from('hi'))), `its media type is 'text/plain', and ${IMAGES}`],
  ['a page', url(dataUrl('text/html', SAMPLES.png())), `its media type is 'text/html', and ${IMAGES}`],
  [
    'a text without a type',
    url(dataUrl('', Buffer.from('hi'))),
    `its content is of no format that is known here, and ${IMAGES}`,
  ],
  ['SVG', url(dataUrl('image/svg+xml', SAMPLES.svg())), `its media type is 'image/svg+xml', and ${IMAGES}`],
  ['SVG that lies', url(dataUrl('image/png', SAMPLES.svg())), `its content is SVG, and ${IMAGES}`],
  [
    'HEIC',
    url(dataUrl('image/heic', SAMPLES.heic())),
    `its media type is 'image/heic', which is not taken: ${IMAGES}; convert it to JPEG`,
  ],
  [
    'HEIC that lies',
    url(dataUrl('image/jpeg', SAMPLES.heic())),
    `its content is HEIC, which is not taken: ${IMAGES}; convert it to JPEG`,
  ],
  [
    'GIF that lies',
    url(dataUrl('image/jpeg', SAMPLES.gif())),
    'it is said to be JPEG, and its content is GIF',
  ],
  [
    'a document',
    url(dataUrl('application/pdf', SAMPLES.pdf())),
    `its media type is 'application/pdf', and ${IMAGES}; documents have a part of their own`,
  ],
  [
    'wrong magic bytes',
    url(dataUrl('image/png', Buffer.from('no image'))),
    `its content is of no format that is known here, and ${IMAGES}`,
  ],
  ['broken base64', url('data:image/png;base64,iVBOR*w0KGgo='), 'this is no valid base64'],
  ['no base64', url('data:image/png,%89PNG'), 'a data URL has to be of base64: data:image/png;base64,…'],
  ['nothing', url('data:image/png;base64,'), 'there is nothing in it'],
  ['a path', url('/etc/passwd'), `${EXPECTED}, found a text without a scheme`],
  ['a relative path', url('../a.png'), `${EXPECTED}, found a text without a scheme`],
  ['a file', url('file:///etc/passwd'), `${EXPECTED}, found the scheme 'file'`],
  ['a drive', url(String.raw`C:\a.png`), `${EXPECTED}, found the scheme 'C'`],
  ['FTP', url('ftp://a/b'), `${EXPECTED}, found the scheme 'ftp'`],
  ['a blob', url('blob:https://a/b'), `${EXPECTED}, found the scheme 'blob'`],
  ['an empty text', url(''), `${EXPECTED}, found a text without a scheme`],
  [
    'a URL of megabytes',
    url(`https://a/${'b'.repeat(1e6)}`),
    `${EXPECTED}, found one of more than 8000 characters`,
  ],
  ['a data URL without data', url('data:image/png;base64'), `${EXPECTED}, found one that is not complete`],
  ['no host', url('http://'), `${EXPECTED}, found one that is not complete`],
  [
    'a type with control characters',
    base64(SAMPLES.png(), `a\u001B[31m${'x'.repeat(100)}`),
    `its media type is 'a?[31m${'x'.repeat(34)}…', and ${IMAGES}`,
  ],
])('%s is refused', (_, source, fault) => {
  expect(() => read(source)).toThrow(
    expect.objectContaining({ code: 'INVALID_MEDIA', status: 400, param: 'p', message: `'p': ${fault}.` }),
  );
});

test.each<[string, AttachmentSource, string]>([
  [
    'an image',
    url(dataUrl('image/png', SAMPLES.png())),
    "its media type is 'image/png', and documents are PDF; images have a part of their own",
  ],
  [
    'an image without a type',
    base64(SAMPLES.png(), null),
    'its content is PNG, and documents are PDF; images have a part of their own',
  ],
  [
    'an archive',
    base64(Buffer.from('PK\u0003\u0004'), 'application/zip'),
    "its media type is 'application/zip', and documents are PDF",
  ],
])('%s is no document', (_, source, fault) => {
  expect(() => read(source, 'pdf')).toThrow(
    expect.objectContaining({ code: 'INVALID_MEDIA', message: `'p': ${fault}.` }),
  );
});

test('what is too large is refused before it is decoded', () => {
  const beyond = `data:image/png;base64,${'*'.repeat(1336)}`;
  expect(() => read(url(beyond))).toThrow(
    expect.objectContaining({
      code: 'MEDIA_TOO_LARGE',
      status: 413,
      message: "'p': the image has 1002 bytes, and this host takes 1000 bytes (images.max_bytes).",
    }),
  );
  const most = Buffer.concat([SAMPLES.png(), Buffer.alloc(MOST)]).subarray(0, MOST);
  expect(read(base64(most, 'image/png'))).toEqual(most);
});

test('the breaks of lines do not count', () => {
  const bytes = Buffer.concat([SAMPLES.png(), Buffer.alloc(MOST)]);
  const inLines = (length: number): AttachmentSource => {
    const data = bytes
      .subarray(0, length)
      .toString('base64')
      .replaceAll(/.{1,76}/g, '$&\r\n');
    return { kind: 'base64', data, mediaType: null };
  };
  expect(read(inLines(MOST))).toEqual(bytes.subarray(0, MOST));
  expect(() => read(inLines(MOST + 1))).toThrow('1001 bytes');
});
