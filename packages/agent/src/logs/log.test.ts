import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog } from './log.ts';

const LARGEST = 2000;

let folder = '';
let file = '';
let descriptor = -1;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'agent-log-'));
  file = path.join(folder, 'agent.log');
  descriptor = openSync(file, 'a', 0o600);
});
afterEach(() => {
  closeSync(descriptor);
  rmSync(folder, { recursive: true, force: true });
});

test('the file that stdout is stays small, keeps the lines before, and takes last words', () => {
  const log = createLog(file, { descriptor, largestFileBytes: LARGEST });
  let largest = 0;
  for (let line = 0; line < 200; line += 1) {
    log.info({ line }, 'answered');
    largest = Math.max(largest, statSync(file).size);
  }
  expect(largest).toBeLessThan(LARGEST + 200);
  expect(statSync(`${file}.1`).size).toBeLessThan(LARGEST + 200);
  const text = readFileSync(`${file}.1`, 'utf8') + readFileSync(file, 'utf8');
  const numbers = Array.from(text.matchAll(/"line":(\d+)/g), ([, line]) => Number(line));
  expect(numbers.length).toBeGreaterThan(LARGEST / 200);
  // No line between the two files is lost.
  expect(numbers).toEqual(numbers.map((_, index) => 200 - numbers.length + index));
  appendFileSync(descriptor, 'a crash\n');
  expect(readFileSync(file, 'utf8')).toMatch(/a crash\n$/);
  expect(statSync(`${file}.1`).mode & 0o777).toBe(0o600);
});

test('what was in the file before counts, also when it is reached by a link', () => {
  appendFileSync(file, `${'x'.repeat(LARGEST)}\n`);
  const link = path.join(folder, 'link.log');
  symlinkSync(file, link);
  createLog(link, { descriptor, largestFileBytes: LARGEST }).info('one');
  expect([statSync(file).size, statSync(`${link}.1`).size > LARGEST]).toEqual([0, true]);
});

test('a file that somebody moved away is left alone', () => {
  const log = createLog(file, { descriptor, largestFileBytes: LARGEST });
  const moved = path.join(folder, 'moved.log');
  renameSync(file, moved);
  for (let line = 0; line < 100; line += 1) log.info({ line }, 'answered');
  expect(readFileSync(moved, 'utf8').trim().split('\n')).toHaveLength(100);
  expect(existsSync(`${file}.1`)).toBe(false);
});

test('where the copy cannot be made the file is emptied all the same', () => {
  symlinkSync(path.join(folder, 'nowhere', 'else'), `${file}.1`);
  const log = createLog(file, { descriptor, largestFileBytes: LARGEST });
  for (let line = 0; line < 100; line += 1) log.info({ line }, 'answered');
  expect(statSync(file).size).toBeLessThan(LARGEST);
});
