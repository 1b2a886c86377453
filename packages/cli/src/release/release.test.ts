import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { releaseIdSchema } from '@mlxfleet/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { standInPayload } from '../actions/testing/stand-ins.ts';
import { distributionFolder } from './distribution-folder.ts';
import { packageRelease } from './package-release.ts';
import { collectPayload } from './payload.ts';
import { publishFolder } from './publish-folder.ts';

let folder: string;
const now = new Date('2026-11-23T04:00:00.123Z');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlxfleet-release-'));
  process.env['XDG_CACHE_HOME'] = join(folder, 'cache');
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('a payload', () => {
  test('has a hash of its content, whatever the times of its files', async () => {
    const first = await standInPayload(folder, '1.0.0');
    await utimes(first.files[0]?.source ?? '', 1, 1);
    expect((await standInPayload(folder, '1.0.0')).contentHash).toBe(first.contentHash);
    expect((await standInPayload(folder, '1.0.1')).contentHash).not.toBe(first.contentHash);
    expect(first.files.map(({ path }) => path)).toEqual([
      'agent/agent.mjs',
      'agent/control.mjs',
      'locks/text-linux-x86_64.txt',
      'locks/text-macos-arm64.txt',
      'locks/vision-linux-x86_64.txt',
      'locks/vision-macos-arm64.txt',
      'worker/mlxfleet_worker/__init__.py',
    ]);
  });

  test('that is not built is named', async () => {
    await writeFile(join(folder, 'package.json'), '{"version":"1.0.0"}');
    await expect(collectPayload(folder)).rejects.toMatchObject({
      code: 'PAYLOAD_MISSING',
      message: 'agent/agent.mjs of a release is not built',
    });
  });
});

describe('a release', () => {
  test('keeps its id for the same content and takes another for a fresh one', async () => {
    const payload = await standInPayload(folder, '1.0.0');
    const { manifest, blob } = await packageRelease(payload, false, now);
    expect(manifest.id).toBe(`20261123T040000Z-${payload.contentHash.slice(0, 8)}`);
    const again = await packageRelease(payload, false, new Date('2027-01-01T00:00:00Z'));
    expect(again).toEqual({ manifest, blob });
    const fresh = await packageRelease(payload, true, now);
    expect(fresh.manifest.id).toBe(`20261123T040001Z-${payload.contentHash.slice(0, 8)}`);
    expect(fresh.manifest.contentHash).toBe(manifest.contentHash);
    expect(releaseIdSchema.safeParse(fresh.manifest.id).success).toBe(true);
  });

  test('unpacks to files that its own list of hashes confirms', async () => {
    const { blob, manifest } = await packageRelease(await standInPayload(folder, '1.0.0'));
    const target = join(folder, 'unpacked');
    await mkdir(target);
    execFileSync('tar', ['-xzf', blob.path, '-C', target]);
    const checked = execFileSync(
      '/bin/sh',
      ['-c', 'sha256sum -c files.sha256 || shasum -a 256 -c files.sha256'],
      {
        cwd: target,
        encoding: 'utf8',
      },
    );
    expect(checked.trim().split('\n')).toHaveLength(Object.keys(manifest.files).length + 1);
    expect(JSON.parse(await readFile(join(target, 'manifest.json'), 'utf8'))).toEqual(manifest);
  });

  test('packed by two commands at once is one release', async () => {
    const payload = await standInPayload(folder, '1.0.0');
    const later = new Date(now.getTime() + 5000);
    const [left, right] = await Promise.all([
      packageRelease(payload, false, now),
      packageRelease(payload, false, later),
    ]);
    expect(left).toEqual(right);
    expect(await readdir(join(folder, 'cache/mlxfleet/releases'))).toEqual([payload.contentHash]);
  });
});

test('the cache keeps the newest releases, and removes what killed commands left after a day', async () => {
  const releases = join(folder, 'cache/mlxfleet/releases');
  const made = async (name: string, daysAgo: number): Promise<void> => {
    await mkdir(join(releases, name), { recursive: true });
    const time = Date.now() / 1000 - daysAgo * 86_400;
    await utimes(join(releases, name), time, time);
  };
  for (let day = 1; day <= 12; day += 1) await made(`old-${String(day)}`, day);
  await made('x.partial-aaaaaa', 2);
  await made('x.partial-bbbbbb', 0.5);
  const payload = await standInPayload(folder, '1.0.0');
  await packageRelease(payload);
  const kept = await readdir(releases);
  expect(kept.filter((name) => name.startsWith('old-'))).toHaveLength(9);
  expect(kept).not.toContain('old-10');
  expect(kept).toContain(payload.contentHash);
  expect(kept.filter((name) => name.includes('partial'))).toEqual(['x.partial-bbbbbb']);
});

test('a folder of the cache that could not be built leaves nothing behind', async () => {
  const path = join(folder, 'cache/thing');
  const failing = publishFolder(path, async (partial) => {
    await writeFile(join(partial, 'half'), '');
    throw new Error('no network');
  });
  await expect(failing).rejects.toThrow('no network');
  expect(await readdir(join(folder, 'cache'))).toEqual([]);
});

test('the distribution is found from the source files', () => {
  expect(distributionFolder()).toBe(join(import.meta.dirname, '../../../..'));
});
