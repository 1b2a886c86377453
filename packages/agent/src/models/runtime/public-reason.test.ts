import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { publicReason } from './public-reason.ts';

test.each([
  ['ValueError: Model type xyz not supported.', 'ValueError: Model type xyz not supported.'],
  [
    'FileNotFoundError: No safetensors found in /home/ann/.mlxfleet/shared/models/foo.',
    'FileNotFoundError: No safetensors found in foo.',
  ],
  [
    "OSError: [Errno 2] No such file: '/Users/ann/My Models/foo/config.json'",
    "OSError: [Errno 2] No such file: 'config.json'",
  ],
  ['cannot map "/mnt/a/b.safetensors": (/mnt/a/c,/mnt/d)', 'cannot map "b.safetensors": (c,d)'],
  [
    'could not be started: spawn /opt/x/envs/text/bin/python ENOENT',
    'could not be started: spawn python ENOENT',
  ],
  ['see file:///etc/hosts and ~/models/m', 'see hosts and m'],
  [
    'see https://example.org/a/b, mlx-community/Qwen, 3/4 and either/or',
    'see https://example.org/a/b, mlx-community/Qwen, 3/4 and either/or',
  ],
  [
    'ValueError: Received 2 parameters not in model:\nlm_head.weight,\n/home/ann',
    'ValueError: Received 2 parameters not in model:',
  ],
  [
    'GET /api?token=hf_AbCdEfGh123456 with Bearer abc.def-123, sk-proj-0123456789',
    'GET api?token=*** with Bearer ***, ***',
  ],
  ['task-specific hf_hub sk-learn', 'task-specific hf_hub sk-learn'],
  ['', ''],
])('%j', (text, reason) => {
  expect(publicReason(text)).toBe(reason);
});

test('a folder that is known may have spaces in its name', () => {
  const folder = '/Volumes/Fast Disk/models/tiny';
  expect(publicReason(`no weights in ${folder}/sub: empty`, [folder])).toBe('no weights in tiny/sub: empty');
  expect(publicReason('in / or nothing', ['/', ''])).toBe('in / or nothing');
});

test('is bounded', () => {
  expect(publicReason('x'.repeat(10_000))).toHaveLength(301);
});

test('no folder of a path is left, whatever stands around it', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9_.-]{3,8}$/);
  const before = fc.constantFrom(' ', '(', '[', "'", '"', '=', ', ', '<');
  const after = fc.constantFrom('', ' ', ')', ']', ':', ',', '\n');
  fc.assert(
    fc.property(before, name, name, name, after, (left, first, second, third, right) => {
      expect(publicReason(`bad${left}/${first}/secret${second}/${third}${right}`)).not.toContain('secret');
    }),
  );
});
