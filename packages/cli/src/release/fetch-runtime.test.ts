import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Platform } from '@mlxfleet/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { IndexRuntimeSource } from './fetch-runtime.ts';
import { RUNTIME_VERSIONS } from './runtime-table.ts';

const { PATH, XDG_CACHE_HOME } = process.env;
const { signal } = new AbortController();
/** Not this machine's, so that its own node does not do. */
const elsewhere: Platform = process.platform === 'darwin' ? 'linux-x86_64' : 'macos-arm64';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlxfleet-fetch-'));
  await mkdir(join(folder, 'bin'));
  process.env['PATH'] = `${join(folder, 'bin')}:${PATH ?? ''}`;
  process.env['XDG_CACHE_HOME'] = join(folder, 'cache');
});

afterEach(async () => {
  process.env['PATH'] = PATH;
  if (XDG_CACHE_HOME === undefined) delete process.env['XDG_CACHE_HOME'];
  else process.env['XDG_CACHE_HOME'] = XDG_CACHE_HOME;
  await rm(folder, { recursive: true });
});

/** Puts a shell script in the place of a program. */
async function program(name: string, text: string): Promise<void> {
  await writeFile(join(folder, 'bin', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}

test('a failed download is an error with what the program said', async () => {
  await program('npm', 'echo "no such host" >&2; exit 1');
  await expect(new IndexRuntimeSource().blob('node', elsewhere, signal)).rejects.toMatchObject({
    code: 'RUNTIME_UNAVAILABLE',
    message: expect.stringMatching(/^could not fetch node .*: npm: no such host$/),
  });
  expect(await readdir(join(folder, 'cache/mlxfleet/runtimes'))).toEqual([]);
});

test('one that hangs is ended', async () => {
  await program('npm', 'exec sleep 60');
  await expect(new IndexRuntimeSource(300).blob('node', elsewhere, signal)).rejects.toMatchObject({
    code: 'RUNTIME_UNAVAILABLE',
    message: expect.stringContaining('npm did not end within 0.3 s'),
  });
});

test('an interruption ends it at once', async () => {
  await program('npm', 'exec sleep 60');
  const controller = new AbortController();
  const fetching = new IndexRuntimeSource().blob('node', elsewhere, controller.signal);
  setTimeout(() => controller.abort(new Error('Ctrl-C')), 300);
  await expect(fetching).rejects.toThrow('Ctrl-C');
});

test('a cache that cannot be written is an error too', async () => {
  await writeFile(join(folder, 'cache'), 'a file where a folder should be');
  await expect(new IndexRuntimeSource().blob('uv', elsewhere, signal)).rejects.toMatchObject({
    code: 'RUNTIME_UNAVAILABLE',
  });
});

test('what is in the cache is known without fetching, and what is not is not fetched', async () => {
  await program('npm', 'touch "$0.ran"; exit 1');
  const source = new IndexRuntimeSource();
  expect(await source.held('node', elsewhere)).toBeNull();
  const kept = join(folder, 'cache/mlxfleet/runtimes', `node-${RUNTIME_VERSIONS.node}-${elsewhere}`);
  await mkdir(kept, { recursive: true });
  await writeFile(join(kept, 'program.gz'), 'twelve bytes');
  await writeFile(join(kept, 'program.gz.sha256'), 'ab');
  expect(await source.held('node', elsewhere)).toEqual({
    path: join(kept, 'program.gz'),
    sha256: 'ab',
    bytes: 12,
  });
  expect(await readdir(join(folder, 'bin'))).toEqual(['npm']);
});
