import { chmod, copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  PROTOCOL_VERSION,
  PYTHON_RANGE,
  type ReleaseManifest,
  releaseManifestSchema,
} from '@mlxfleet/protocol';
import { cacheFolder } from './cache-folder.ts';
import { hashFile } from './hash-file.ts';
import type { Payload } from './payload.ts';
import { keepNewest, publishFolder } from './publish-folder.ts';
import { runProgram } from './run-program.ts';

/** A file that may be sent to a host, named there by its hash. */
export interface Blob {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface PackagedRelease {
  readonly manifest: ReleaseManifest;
  readonly blob: Blob;
}

/** Releases that this machine's cache keeps; hosts hold their own. */
const CACHED_RELEASES = 10;

/**
 * Packs a payload as a release. The same payload keeps its id on this machine, so that every host gets the same release;
 * `fresh` makes another one of the same content.
 */
export async function packageRelease(
  payload: Payload,
  fresh = false,
  now: Date = new Date(),
): Promise<PackagedRelease> {
  if (!fresh) return publishRelease(payload, payload.contentHash, now);
  // The release of this content may have been made within this second: its id must not come out again.
  const { manifest } = await publishRelease(payload, payload.contentHash, now);
  const time = new Date(Math.max(now.getTime(), new Date(manifest.createdAt).getTime() + 1000));
  return publishRelease(payload, `${payload.contentHash}-${stamp(time)}`, time);
}

async function publishRelease(payload: Payload, key: string, now: Date): Promise<PackagedRelease> {
  const releases = join(cacheFolder(), 'releases');
  let isNew = false;
  const folder = await publishFolder(join(releases, key), async (partial) => {
    isNew = true;
    await buildRelease(payload, now, partial);
  });
  if (isNew) await keepNewest(releases, CACHED_RELEASES);
  const manifest = releaseManifestSchema.parse(
    JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')),
  );
  const path = join(folder, 'release.tgz');
  return { manifest, blob: { path, sha256: await hashFile(path), bytes: (await stat(path)).size } };
}

async function buildRelease(payload: Payload, now: Date, folder: string): Promise<void> {
  const manifest: ReleaseManifest = {
    schemaVersion: 1,
    id: `${stamp(now)}-${payload.contentHash.slice(0, 8)}`,
    version: payload.version,
    createdAt: now.toISOString(),
    protocolVersion: PROTOCOL_VERSION,
    contentHash: payload.contentHash,
    runtime: { ...payload.runtime },
    python: { ...PYTHON_RANGE },
    files: Object.fromEntries(payload.files.map((file) => [file.path, file.sha256])),
  };
  const content = join(folder, 'content');
  for (const file of payload.files) {
    const target = join(content, file.path);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(file.source, target);
    await chmod(target, 0o644);
  }
  const manifestText = `${JSON.stringify(manifest, null, 2)}\n`;
  await writeFile(join(content, 'manifest.json'), manifestText);
  // What the host checks before it trusts the release, now and before each rollback.
  const sums = payload.files.map((file) => `${file.sha256}  ${file.path}\n`);
  sums.push(`${await hashFile(join(content, 'manifest.json'))}  manifest.json\n`);
  await writeFile(join(content, 'files.sha256'), sums.join(''));
  await runProgram('tar', ['-czf', join(folder, 'release.tgz'), '-C', content, '.'], {
    // Or macOS adds a file of extended attributes beside each file.
    env: { ...process.env, COPYFILE_DISABLE: '1' },
  });
  await rm(content, { recursive: true });
  await writeFile(join(folder, 'manifest.json'), manifestText);
}

/** UTC time as it stands in a release id, for example 20261123T040000Z. */
function stamp(time: Date): string {
  return `${time.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}
