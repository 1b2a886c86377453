import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Spool, SpoolFull } from './spool.ts';

let folder: string;
let spool: Spool;
beforeEach(async () => {
  folder = path.join(mkdtempSync(path.join(tmpdir(), 'spool-')), 'spool');
  spool = new Spool({ folder, mostBytes: 1000 });
  await spool.prepare();
});
afterEach(() => {
  rmSync(path.dirname(folder), { recursive: true, force: true });
});

const BYTES = Buffer.from('an image');

function modeOf(file: string): string {
  return (statSync(file).mode & 0o777).toString(8);
}

test('a file is named by its content, and its owner alone can read it', async () => {
  const file = await spool.hold(BYTES);
  expect(file.sha256).toBe(createHash('sha256').update(BYTES).digest('hex'));
  expect(file.path).toBe(path.join(folder, file.sha256));
  expect(readFileSync(file.path)).toEqual(BYTES);
  expect([modeOf(folder), modeOf(file.path)]).toEqual(['700', '600']);
  expect(readdirSync(folder)).toEqual([file.sha256]);
  file.release();
  expect(readdirSync(folder)).toEqual([]);
});

test('one file serves all that hold it, until the last lets go', async () => {
  const [first, second] = await Promise.all([spool.hold(BYTES), spool.hold(Buffer.from(BYTES))]);
  expect(second.path).toBe(first.path);
  const third = await spool.hold(BYTES);
  first.release();
  third.release();
  expect(readFileSync(second.path)).toEqual(BYTES);
  second.release();
  expect(readdirSync(folder)).toEqual([]);
  const again = await spool.hold(BYTES);
  expect(readFileSync(again.path)).toEqual(BYTES);
});

test('a file that cannot be written fails all that hold it, leaves nothing, and may be tried again', async () => {
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  let isFull = true;
  const tight = new Spool({
    folder,
    mostBytes: 1000,
    write: async (file, bytes) => {
      writeFileSync(file, bytes.subarray(0, isFull ? 3 : undefined));
      if (isFull) throw full;
    },
  });
  const outcomes = await Promise.allSettled([tight.hold(BYTES), tight.hold(BYTES)]);
  expect(outcomes).toEqual([
    { status: 'rejected', reason: full },
    { status: 'rejected', reason: full },
  ]);
  expect(readdirSync(folder)).toEqual([]);
  isFull = false;
  expect(readFileSync((await tight.hold(BYTES)).path)).toEqual(BYTES);
});

test('what an earlier agent left is gone before anything is held, and everything is gone at the end', async () => {
  writeFileSync(path.join(folder, 'left'), 'behind');
  const next = new Spool({ folder, mostBytes: 1000 });
  await next.prepare();
  expect(readdirSync(folder)).toEqual([]);
  const { release } = await next.hold(BYTES);
  next.clear();
  expect(() => readdirSync(folder)).toThrow('ENOENT');
  release();
});

test('so many bytes have room, and each file counts once', async () => {
  const small = new Spool({ folder, mostBytes: 2 * BYTES.length });
  const held = [await small.hold(BYTES), await small.hold(BYTES), await small.hold(Buffer.from('another!'))];
  await expect(small.hold(Buffer.from('a'))).rejects.toBeInstanceOf(SpoolFull);
  held[0]?.release();
  await expect(small.hold(Buffer.from('a'))).rejects.toBeInstanceOf(SpoolFull);
  held[1]?.release();
  expect((await small.hold(Buffer.from('a'))).path).toContain(folder);
});

test("a folder that was removed is there again, the owner's alone, until the end", async () => {
  rmSync(folder, { recursive: true });
  const file = await spool.hold(BYTES);
  expect([readFileSync(file.path), modeOf(folder)]).toEqual([BYTES, '700']);
  spool.clear();
  await expect(spool.hold(BYTES)).rejects.toThrow('ENOENT');
  expect(() => readdirSync(folder)).toThrow('ENOENT');
});
