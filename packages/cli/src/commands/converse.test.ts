import { PassThrough } from 'node:stream';
import { CodedError } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import type { ChatTurn } from '../agent-client/chat-client.ts';
import { ERRORS } from '../errors.ts';
import { Output } from '../output/output.ts';
import { converse } from './converse.ts';

const PHOTO = { name: 'photo.png', mediaType: 'image/png', content: Buffer.from('png') } as const;

/** Has the lines pasted at once; answers what was said to the model, and what was shown. */
async function talk(lines: readonly string[]): Promise<{ said: ChatTurn['content'][]; stderr: string }> {
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
        throw new CodedError(ERRORS.ATTACHMENT_UNUSABLE, `${file}: there is no such file`);
      },
      attachments: [],
      pages: undefined,
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
  expect(again.stderr).toContain('Still with your next message: photo.png; /clear takes them away.');
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
