import { PassThrough } from 'node:stream';
import { CodedError } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import type { ChatTurn } from '../agent-client/chat-client.ts';
import { ERRORS } from '../errors.ts';
import { Output } from '../output/output.ts';
import { converse } from './converse.ts';

const PDF = { name: 'report.pdf', mediaType: 'application/pdf', content: Buffer.from('pdf') } as const;
const PHOTO = { name: 'photo.png', mediaType: 'image/png', content: Buffer.from('png') } as const;

/** Has the lines pasted at once; answers what was said to the model, and what was shown. */
async function talk(
  lines: readonly string[],
  isSeeing = true,
): Promise<{ said: ChatTurn['content'][]; stderr: string }> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  let shown = '';
  stderr.on('data', (text: Buffer) => {
    shown += text.toString();
  });
  stdin.end(lines.map((line) => `${line}\n`).join(''));
  const said: ChatTurn['content'][] = [];
  await converse(
    {
      output: new Output({ stdout, stderr, json: false, noColour: true, env: {} }),
      stdin,
      options: {},
      cwd: '/',
      env: {},
      signal: new AbortController().signal,
      openTargets: async () => [],
    },
    {
      conversation: {
        say: async ({ content }, onText) => {
          said.push(content);
          onText('ok');
          if (JSON.stringify(content).includes('fail'))
            throw new CodedError(ERRORS.AGENT_REFUSED, 'air: refused');
          return { content: 'ok', finishReason: 'stop', usage: null, timings: null };
        },
      },
      read: async (file) => {
        if (file === PHOTO.name) return PHOTO;
        if (file === PDF.name) return PDF;
        throw new CodedError(ERRORS.ATTACHMENT_UNUSABLE, `${file}: there is no such file`);
      },
      attachments: [],
      pages: undefined,
      mostImages: 2,
      requireSeeing: async () => {
        if (!isSeeing) throw new CodedError(ERRORS.ATTACHMENT_UNUSABLE, 'm is shown no images');
      },
    },
  );
  return { said, stderr: shown };
}

test('a file goes with the next message, and with that alone', async () => {
  const { said, stderr } = await talk(['/image photo.png', 'What is this?', 'And now?']);
  expect(said).toEqual([
    [
      { type: 'image_url', image_url: { url: 'data:image/png;base64,cG5n' } },
      { type: 'text', text: 'What is this?' },
    ],
    'And now?',
  ]);
  expect(stderr).toContain('photo.png goes with your next message.');
});

test('a file that cannot be used is told, and the conversation goes on', async () => {
  const { said, stderr } = await talk(['/image none.png', '/image', 'hello', 'fail', 'again']);
  expect(said).toEqual(['hello', 'fail', 'again']);
  expect(stderr).toContain('none.png: there is no such file');
  expect(stderr).toContain('/image FILE');
  expect(stderr).toContain('air: refused');
});

const SHOWN = { type: 'image_url', image_url: { url: 'data:image/png;base64,cG5n' } };

test('after a message that fails its files go with the next one, unless they are taken away', async () => {
  const again = await talk(['/image photo.png', 'fail', '/images', 'again', '/images']);
  expect(again.said).toEqual([
    [SHOWN, { type: 'text', text: 'fail' }],
    [SHOWN, { type: 'text', text: 'again' }],
  ]);
  expect(again.stderr).toContain(
    'Still with your next message: photo.png; /drop takes the last one away, /clear all.',
  );
  expect(again.stderr).toContain('With your next message: photo.png');
  expect(again.stderr).toContain('No file goes with your next message.');
  const cleared = await talk(['/image photo.png', 'fail', '/clear', 'again']);
  expect(cleared.said.at(-1)).toBe('again');
});

test('a command that there is not goes to no model, and leaves the files attached', async () => {
  const { said, stderr } = await talk(['/image photo.png', '/imag b.png', '/help', '//help me']);
  expect(said).toEqual([[SHOWN, { type: 'text', text: '/help me' }]]);
  expect(stderr).toContain('There is no command "/imag b.png"; nothing was sent.');
  expect(stderr.split('/images  ').length).toBeGreaterThan(2);
});

test('a document has pages of its own, and one that has none is told', async () => {
  const lines = ['/image report.pdf 1-2', '/image report.pdf 3-1', '/image photo.png.pdf 1', 'What?'];
  const { said, stderr } = await talk(lines);
  const file = { filename: 'report.pdf', file_data: 'data:application/pdf;base64,cGRm', pages: '1-2' };
  expect(said).toEqual([
    [
      { type: 'file', file },
      { type: 'text', text: 'What?' },
    ],
  ]);
  expect(stderr).toContain('report.pdf: "3-1" names no pages');
  const image = await talk(['/image "photo.png" 1', 'What?']);
  expect(image.said).toEqual(['What?']);
  expect(image.stderr).toContain('photo.png is an image, and images have no pages');
});

test('one file is taken away by name, or the last one', async () => {
  const dropped = await talk(['/image photo.png', '/image report.pdf', '/drop photo.png', 'What?']);
  expect(JSON.stringify(dropped.said)).not.toContain('image/png');
  expect(JSON.stringify(dropped.said)).toContain('report.pdf');
  const last = await talk(['/image photo.png', '/image report.pdf', '/drop', '/drop none.png', 'What?']);
  expect(last.said).toEqual([[SHOWN, { type: 'text', text: 'What?' }]]);
  expect(last.stderr).toContain('report.pdf does not go with your next message.');
  expect((await talk(['/drop'])).stderr).toContain('No file goes with your next message.');
});

test('more images than the host takes, of all messages, are not attached', async () => {
  const lines = ['/image photo.png', 'One.', '/image photo.png', '/image photo.png', 'Two.'];
  const { said, stderr } = await talk(lines);
  expect(said.map((content) => content.length)).toEqual([2, 2]);
  expect(stderr).toContain('these are 3 images, 1 of earlier messages among them, and the host takes 2');
});

test('a model that takes text only is shown no file', async () => {
  const { said, stderr } = await talk(['/image photo.png', 'What?'], false);
  expect(said).toEqual(['What?']);
  expect(stderr).toContain('m is shown no images');
});

test.each(['/quit', '/exit'])('%s ends it', async (command) => {
  expect((await talk(['one', command, 'two'])).said).toEqual(['one']);
});

test('Ctrl-C empties the line, then says how to leave, then leaves', async () => {
  const { said, stderr } = await talk(['one', 'typ\u0003\u0003two', 'thr\u0003\u0003\u0003', 'four']);
  expect(said).toEqual(['one', 'two']);
  expect(stderr).toContain('Ctrl-C again ends this');
});
