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
        say: async (content, onText) => {
          said.push(content);
          onText('ok');
          if (content === 'fail') throw new CodedError(ERRORS.AGENT_REFUSED, 'air: refused');
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
