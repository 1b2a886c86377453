import { execFile } from 'node:child_process';
import { access, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withFileLock } from './file-lock.mjs';
import { makeOnce } from './make-once.ts';

const run = promisify(execFile);
let folder: string;
let made: number;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'mlxfleet-once-'));
  made = 0;
});
afterEach(() => rm(folder, { recursive: true }));

function makeThing(stamp: string): Promise<string> {
  return makeOnce({
    folder: path.join(folder, 'thing'),
    stamp,
    title: 'Making a thing',
    make: async (target) => {
      made += 1;
      await writeFile(path.join(target, 'content'), stamp);
    },
  });
}

test('a folder is made once, and again when what it depends on changes', async () => {
  await makeThing('a');
  await makeThing('a');
  expect(made).toBe(1);
  const thing = await makeThing('b');
  expect(made).toBe(2);
  expect(await readFile(path.join(thing, 'content'), 'utf8')).toBe('b');
});

test('what fails half-way leaves nothing that looks made', async () => {
  const broken = makeOnce({
    folder: path.join(folder, 'thing'),
    stamp: 'a',
    title: 'Making a thing',
    make: () => Promise.reject(new Error('no network')),
  });
  await expect(broken).rejects.toThrow('no network');
  expect(await readdir(folder)).toEqual([]);
  await makeThing('a');
  expect(made).toBe(1);
});

test('a folder made in place without a stamp is made anew', async () => {
  const place = path.join(folder, 'place');
  const make = (work: () => Promise<void>) =>
    makeOnce({ folder: place, stamp: 'a', title: 'Making a place', inPlace: true, make: work });
  await expect(
    make(async () => {
      await writeFile(path.join(place, 'leftover'), '');
      throw new Error('cut off');
    }),
  ).rejects.toThrow('cut off');
  await make(async () => undefined);
  await expect(access(path.join(place, 'leftover'))).rejects.toThrow('ENOENT');
});

test('of several processes at once only one makes the folder, the others wait for it', async () => {
  const program = `
    import { appendFileSync } from 'node:fs';
    import { setTimeout } from 'node:timers/promises';
    import { makeOnce } from ${JSON.stringify(path.join(import.meta.dirname, 'make-once.ts'))};
    const thing = await makeOnce({ folder: 'thing', stamp: 'a', title: 'Making a thing', make: async () => {
      appendFileSync('count', 'made ');
      await setTimeout(300);
    } });
    appendFileSync('count', 'used ');`;
  const start = () => run(process.execPath, ['--input-type=module', '--eval', program], { cwd: folder });
  await Promise.all([start(), start(), start()]);
  expect(await readFile(path.join(folder, 'count'), 'utf8')).toBe('made used used used ');
});

test('a lock whose holder is gone is taken over', async () => {
  const lock = path.join(folder, 'lock');
  const { pid } = await new Promise<{ pid: number | undefined }>((resolve) => {
    const child = execFile(process.execPath, ['--version'], () => resolve({ pid: child.pid }));
  });
  await writeFile(lock, `${pid}\n`);
  await expect(withFileLock(lock, () => 'taken')).resolves.toBe('taken');
  expect(await readdir(folder)).toEqual([]);
});
