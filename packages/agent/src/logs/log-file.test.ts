import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { LogFile } from './log-file.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'log-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('is turned over when it has grown, and keeps the last lines', () => {
  const file = path.join(folder, 'worker.log');
  const log = new LogFile(file, 100);
  log.append('first line\nsecond ');
  log.append('line\n\nthird');
  expect(log.lastLines(2)).toEqual(['second line', 'third']);
  expect(readFileSync(file, 'utf8')).toBe('first line\nsecond line\n\nthird');
  log.append('x'.repeat(200));
  log.append('after\n');
  expect(statSync(`${file}.1`).size).toBeGreaterThan(200);
  expect(readFileSync(file, 'utf8')).toBe('after\n');
  log.close();
});

test('a disk that cannot be written to is no failure', () => {
  const log = new LogFile('/nonexistent/worker.log');
  log.append('still known\n');
  expect(log.lastLines(1)).toEqual(['still known']);
});

test('the last words of a process are its own', () => {
  const log = new LogFile('/nonexistent/worker.log');
  log.beginProcess();
  expect(log.lastWords(3)).toEqual([]);
  log.append('a\nb\ncut off');
  expect(log.lastWords(2)).toEqual(['b', 'cut off']);
  log.beginProcess();
  expect(log.lastWords(3)).toEqual([]);
  log.append('c\n');
  expect(log.lastWords(3)).toEqual(['c']);
  expect(log.lastLines(3)).toEqual(['b', 'cut off', 'c']);
  for (let line = 0; line < 100; line += 1) log.append(`${String(line)}\n`);
  expect(log.lastWords(100)).toHaveLength(40);
});
