import os from 'node:os';
import { expect, test } from 'vitest';
import type { ModelLocation } from '../catalog/catalog.ts';
import { loadFailed, requestError, workerBroken } from './model-errors.ts';

const LOCATION: ModelLocation = {
  id: 'mine',
  path: '/srv/my models/base',
  createdAt: 0,
  task: 'generate',
  base: 'base',
  adapterPath: '/srv/my adapters/lora',
};

const MESSAGE = `no weights in /srv/my adapters/lora for /srv/my models/base, see ${os.homedir()}/notes`;
const SAID = `no weights in lora for base, see ${os.homedir().split('/').at(-1) ?? ''}/notes`;

test('a client reads why, without the folders of the host; who runs it reads all', () => {
  const failed = loadFailed(LOCATION, MESSAGE, `${MESSAGE}\ntraceback`);
  expect(failed.message).toBe(`The model 'mine' could not be loaded: ${SAID}`);
  expect(failed.details).toBe(`The model 'mine' could not be loaded: ${MESSAGE}\ntraceback`);
});

test('a worker that rests says so with the last line of its log, unless that is the reason', () => {
  const rest = {
    failures: 5,
    message: 'signal SIGKILL',
    lastLine: 'reading /srv/my models/base',
    seconds: 300,
  };
  const broken = workerBroken(LOCATION, rest);
  expect(broken).toMatchObject({
    code: 'WORKER_BROKEN',
    retryAfter: 300,
    message:
      "The worker of model 'mine' failed 5 times in a row and rests: signal SIGKILL; its log ends with: reading base",
    details: expect.stringContaining('reading /srv/my models/base'),
  });
  const same = workerBroken(LOCATION, { ...rest, message: MESSAGE, lastLine: MESSAGE });
  expect(same.message).toBe(`The worker of model 'mine' failed 5 times in a row and rests: ${SAID}`);
});

test.each([
  ['media', 'INVALID_MEDIA', 400],
  ['media_too_large', 'MEDIA_TOO_LARGE', 413],
] as const)(
  'what is wrong with an image is told with its place, and without the folders of the host: %s',
  (kind, code, status) => {
    const param = 'messages.0.content.1';
    const failed = {
      type: 'failed' as const,
      id: '1',
      kind,
      message: "The file '/srv/root/shared/spool/0a1b' is broken.",
    };
    expect(requestError({ ...failed, param })).toMatchObject({
      code,
      status,
      param,
      message: "'messages.0.content.1': the file '0a1b' is broken.",
    });
    expect(requestError({ ...failed, param: null }).message).toBe("The file '0a1b' is broken.");
  },
);
