import { openAiErrorSchema } from '@mlxfleet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PNG, shownChat, shownMedia, said, VISION } from '../test-support/media-requests.ts';
import { base64, dataUrl, SAMPLES } from '../test-support/sample-media.ts';
import { startTestAgent, type TestAgent } from '../test-support/test-agent.ts';

let agent: TestAgent;
beforeAll(async () => {
  agent = await startTestAgent(VISION);
});
afterAll(async () => {
  await agent.dispose();
});

type Route = 'chat' | 'responses' | 'messages';

const PDF = SAMPLES.pdf();
const DOCUMENT = dataUrl('application/pdf', PDF);
const PICTURE = dataUrl('image/png', PNG);
const LINK = 'https://a.example/b.pdf';

const SEND: Readonly<Record<Route, (part: object) => Promise<Response>>> = {
  chat: async (part) => await agent.post('/v1/chat/completions', shownChat([part])),
  responses: async (part) =>
    await agent.post('/v1/responses', { model: 'eye', input: [{ role: 'user', content: [part] }] }),
  messages: async (part) => {
    const messages = [{ role: 'user', content: [part] }];
    return await agent.post('/v1/messages', { model: 'eye', max_tokens: 9, messages });
  },
};

const PLACES: Readonly<Record<Route, string>> = {
  chat: 'messages.0.content.0',
  responses: 'input.0.content.0',
  messages: 'messages.0.content.0',
};

/** A block of Anthropic's API. */
function shownBlock(type: 'image' | 'document', source: object, more: object = {}): object {
  return { type, source, ...more };
}

const inPng = { type: 'base64', media_type: 'image/png' };
const inPdf = { type: 'base64', media_type: 'application/pdf' };
const picture = shownBlock('image', { ...inPng, data: base64(PNG) });

const KEPT = 'is not supported: this host keeps no files, and fetches no documents; send it as base64 in';
const URL_IN_FILE_DATA =
  'this is a URL, and file_data takes the document itself: data:application/pdf;base64,…, or its base64 alone. This host fetches no documents; an image goes into image_url, by its URL where the host sets images.allow_urls';

/** Route, part, code, the field below the part, and what the message goes on with. */
type Refusal = [route: Route, part: object, code: string, field: string, fault: string];

const sources: readonly Refusal[] = [
  ['chat', { type: 'file', file: { file_data: LINK } }, 'invalid_media', '.file.file_data', URL_IN_FILE_DATA],
  [
    'responses',
    { type: 'input_file', file_data: 'file:///etc/passwd' },
    'invalid_media',
    '.file_data',
    URL_IN_FILE_DATA,
  ],
  [
    'chat',
    { type: 'file', file: { file_url: LINK } },
    'unsupported_parameter',
    '.file.file_url',
    `${KEPT} file_data`,
  ],
  [
    'chat',
    { type: 'file', file: { file_url: LINK, file_data: DOCUMENT } },
    'unsupported_parameter',
    '.file.file_url',
    'is not supported, and file_data stands beside it: a part has one source, so leave out file_url',
  ],
  [
    'responses',
    { type: 'input_file', file_url: LINK, file_data: DOCUMENT },
    'unsupported_parameter',
    '.file_url',
    'is not supported, and file_data stands beside it: a part has one source, so leave out file_url',
  ],
  [
    'responses',
    { type: 'input_image', file_id: 'f' },
    'unsupported_parameter',
    '.file_id',
    `${KEPT} image_url`,
  ],
  [
    'messages',
    shownBlock('image', { ...inPng, data: PICTURE }),
    'invalid_media',
    '.source.data',
    "it takes the base64 alone: leave out the beginning of the data URL, up to ';base64,'",
  ],
  [
    'messages',
    shownBlock('document', { ...inPdf, data: DOCUMENT }),
    'invalid_media',
    '.source.data',
    "it takes the base64 alone: leave out the beginning of the data URL, up to ';base64,'",
  ],
  [
    'messages',
    shownBlock('image', { ...inPng, data: LINK }),
    'invalid_media',
    '.source.data',
    "this is a URL, and data takes base64: send {type: 'url', url} as the source, where the host sets images.allow_urls",
  ],
  [
    'messages',
    shownBlock('document', { ...inPdf, data: LINK }),
    'invalid_media',
    '.source.data',
    'this is a URL, and data takes base64: this host fetches no documents',
  ],
  [
    'messages',
    shownBlock('document', { type: 'content', content: [] }),
    'unsupported_parameter',
    '.source',
    "of type 'content' is not supported: send a PDF as a source of type base64, a plain text as one of type text, and blocks of a content as blocks of the message",
  ],
  [
    'messages',
    shownBlock('document', { type: 'url', url: LINK }),
    'unsupported_parameter',
    '.source',
    "of type 'url' is not supported: this host fetches no documents; send a PDF as a source of type base64",
  ],
  [
    'messages',
    shownBlock('image', { type: 'file', file_id: 'f' }),
    'unsupported_parameter',
    '.source',
    "of type 'file' is not supported: this host keeps no files; send it as a source of type base64",
  ],
];

const pages: readonly Refusal[] = [
  [
    'chat',
    { type: 'image_url', image_url: { url: PICTURE }, pages: '1' },
    'unsupported_parameter',
    '.pages',
    'is not supported: images have no pages',
  ],
  [
    'chat',
    { type: 'image_url', image_url: { url: PICTURE, dpi: 72 } },
    'unsupported_parameter',
    '.image_url.dpi',
    'is not supported: images have no pages',
  ],
  [
    'chat',
    { type: 'file', file: { file_data: DOCUMENT }, pages: '1' },
    'unsupported_parameter',
    '.pages',
    'is not supported here: it stands beside file_data',
  ],
  [
    'responses',
    { type: 'input_image', image_url: PICTURE, pages: '1' },
    'unsupported_parameter',
    '.pages',
    'is not supported: images have no pages',
  ],
  [
    'messages',
    { ...picture, pages: '1' },
    'unsupported_parameter',
    '.pages',
    'is not supported: images have no pages',
  ],
  [
    'messages',
    shownBlock('document', { type: 'text', data: 'a' }, { dpi: 72 }),
    'unsupported_parameter',
    '.dpi',
    'is not supported: a plain text has no pages',
  ],
  [
    'messages',
    shownBlock('document', { ...inPdf, data: base64(PDF), pages: '1' }),
    'unsupported_parameter',
    '.source.pages',
    'is not supported here: it stands beside source',
  ],
];

const shapes: readonly Refusal[] = [
  [
    'responses',
    { type: 'input_image', image_url: { url: PICTURE } },
    'invalid_type',
    '.image_url',
    'must be a text, the URL itself; detail stands beside it',
  ],
  [
    'chat',
    { type: 'input_image', image_url: PICTURE },
    'invalid_value',
    '.type',
    "must be one of text, image_url, file; what other APIs call 'input_image' is 'image_url' here",
  ],
  [
    'chat',
    picture,
    'invalid_value',
    '.type',
    "must be one of text, image_url, file; what other APIs call 'image' is 'image_url' here",
  ],
  [
    'chat',
    { type: 'document' },
    'invalid_value',
    '.type',
    "must be one of text, image_url, file; what other APIs call 'document' is 'file' here",
  ],
  [
    'responses',
    { type: 'image_url', image_url: { url: PICTURE } },
    'invalid_value',
    '.type',
    "must be one of input_text, input_image, input_file, output_text, refusal; what other APIs call 'image_url' is 'input_image' here",
  ],
  [
    'responses',
    { type: 'text', text: 'a' },
    'invalid_value',
    '.type',
    "must be one of input_text, input_image, input_file, output_text, refusal; what other APIs call 'text' is 'input_text' here",
  ],
  [
    'messages',
    { type: 'image_url', image_url: { url: PICTURE } },
    'invalid_value',
    '.type',
    "must be one of text, image, document, tool_result; what other APIs call 'image_url' is 'image' here",
  ],
  [
    'messages',
    { type: 'input_file', file_data: DOCUMENT },
    'invalid_value',
    '.type',
    "must be one of text, image, document, tool_result; what other APIs call 'input_file' is 'document' here",
  ],
  ['chat', { type: 'audio' }, 'invalid_value', '.type', 'must be one of text, image_url, file'],
];

describe.each([
  ['the source of a file', sources],
  ['pages', pages],
  ['the shape of a part', shapes],
])('a refusal tells what is wrong with %s', (_, refusals) => {
  const cases = refusals.map(([route, part, code, field, fault]) => ({ route, part, code, field, fault }));
  test.each(cases)('$route $field: $fault', async ({ route, part, code, field, fault }) => {
    const answer = await SEND[route](part);
    const { error } = openAiErrorSchema.parse(await answer.json());
    const param = `${PLACES[route]}${field}`;
    const separator = /^(is not|of type)/.test(fault) ? ' ' : ': ';
    expect([answer.status, error.code, error.param, error.message]).toEqual([
      400,
      code,
      param,
      `'${param}'${separator}${fault}.`,
    ]);
  });
});

test('a chat takes an image as the text of its URL too', async () => {
  const part = { type: 'image_url', image_url: PICTURE };
  expect(await shownMedia(agent, shownChat([said('show-media'), part]))).toMatchObject([
    { kind: 'image', bytes: PNG.length },
  ]);
});

test('a data URL without a media type is what its content is', async () => {
  const part = { type: 'image_url', image_url: { url: dataUrl('', PNG) } };
  expect(await shownMedia(agent, shownChat([said('show-media'), part]))).toMatchObject([
    { kind: 'image', bytes: PNG.length },
  ]);
});

test('null is a field that was left out', async () => {
  const file = { file_data: DOCUMENT, file_url: null, file_id: null };
  const part = { type: 'file', file, pages: null };
  expect(await shownMedia(agent, shownChat([said('show-media'), part]))).toMatchObject([{ kind: 'pdf' }]);
});
