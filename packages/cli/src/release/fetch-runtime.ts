import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { CodedError, type Platform } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { cacheFolder } from './cache-folder.ts';
import { hashFile } from './hash-file.ts';
import type { Blob } from './package-release.ts';
import { publishFolder } from './publish-folder.ts';
import { type ProgramOptions, runProgram } from './run-program.ts';
import { NODE_PACKAGES, RUNTIME_VERSIONS, type RuntimeName, UV_WHEELS } from './runtime-table.ts';

/** Where the programs that hosts run come from. */
export interface RuntimeSource {
  /**
   * The program for a platform, compressed for sending.
   * @throws CodedError RUNTIME_UNAVAILABLE, RUNTIME_CORRUPT; the signal's reason when it was aborted.
   */
  blob(name: RuntimeName, platform: Platform, signal: AbortSignal): Promise<Blob>;
  /** The same where this machine holds it already, else null. */
  held(name: RuntimeName, platform: Platform): Promise<Blob | null>;
}

/** Fetches programs from the package indexes once, checks them against pinned hashes, and keeps them. */
export class IndexRuntimeSource implements RuntimeSource {
  readonly #underway = new Map<string, Promise<Blob>>();
  readonly #limitMs: number | undefined;

  /** `limitMs` bounds each program that is started, for tests; unset takes 10 minutes. */
  constructor(limitMs?: number) {
    this.#limitMs = limitMs;
  }

  async blob(name: RuntimeName, platform: Platform, signal: AbortSignal): Promise<Blob> {
    const key = `${name}-${RUNTIME_VERSIONS[name]}-${platform}`;
    // Hosts of one platform are deployed at the same time and wait for the same download.
    let blob = this.#underway.get(key);
    if (blob === undefined) {
      const limits = { signal, ...(this.#limitMs === undefined ? {} : { limitMs: this.#limitMs }) };
      const what = `${name} ${RUNTIME_VERSIONS[name]} for ${platform}`;
      blob = fetching(what, signal, async () => cachedBlob(key, name, platform, limits));
      this.#underway.set(key, blob);
    }
    return blob;
  }

  async held(name: RuntimeName, platform: Platform): Promise<Blob | null> {
    const folder = cacheOf(`${name}-${RUNTIME_VERSIONS[name]}-${platform}`);
    return existsSync(folder) ? blobIn(folder) : null;
  }
}

type Limits = Pick<ProgramOptions, 'signal' | 'limitMs'>;

async function cachedBlob(key: string, name: RuntimeName, platform: Platform, limits: Limits): Promise<Blob> {
  const folder = await publishFolder(cacheOf(key), async (partial) => {
    const fetch = name === 'node' ? nodeBinary : uvBinary;
    const binary = await fetch(platform, partial, limits);
    const compressed = join(partial, 'program.gz');
    await pipeline(
      createReadStream(binary),
      createGzip({ level: constants.Z_BEST_SPEED }),
      createWriteStream(compressed),
    );
    await writeFile(join(partial, 'program.gz.sha256'), await hashFile(compressed));
    await rm(join(partial, 'download'), { recursive: true, force: true });
  });
  return blobIn(folder);
}

function cacheOf(key: string): string {
  return join(cacheFolder(), 'runtimes', key);
}

async function blobIn(folder: string): Promise<Blob> {
  const path = join(folder, 'program.gz');
  const sha256 = await readFile(join(folder, 'program.gz.sha256'), 'utf8');
  return { path, sha256, bytes: (await stat(path)).size };
}

async function nodeBinary(platform: Platform, folder: string, limits: Limits): Promise<string> {
  const wanted = NODE_PACKAGES[platform];
  // The node that runs this may be the very same file; its hash tells, whatever it claims to be.
  if (process.versions.node === RUNTIME_VERSIONS.node) {
    if ((await hashFile(process.execPath)) === wanted.binarySha256) return process.execPath;
  }
  const download = join(folder, 'download');
  await mkdir(download, { recursive: true });
  const packageName = `${wanted.name}@${RUNTIME_VERSIONS.node}`;
  await runProgram('npm', ['pack', '--silent', packageName], { ...limits, cwd: download });
  const [tarball] = await readdir(download);
  const packed = join(download, tarball ?? '');
  if (tarball === undefined || (await hashFile(packed, 'sha512', 'base64')) !== wanted.sha512) {
    throw new CodedError(ERRORS.RUNTIME_CORRUPT, `${wanted.name} from npm does not have the expected hash`);
  }
  await runProgram('tar', ['-xzf', packed, '-C', download, 'package/bin/node'], limits);
  return join(download, 'package/bin/node');
}

async function uvBinary(platform: Platform, folder: string, limits: Limits): Promise<string> {
  const { pipPlatform, sha256 } = UV_WHEELS[platform];
  const download = join(folder, 'download');
  await mkdir(download, { recursive: true });
  const python = await pythonWithPip(download, limits);
  const options = ['--no-deps', '--only-binary=:all:', '--platform', pipPlatform, '--dest', download];
  await runProgram(python, ['-m', 'pip', 'download', ...options, `uv==${RUNTIME_VERSIONS.uv}`], limits);
  const wheel = (await readdir(download)).find((name) => name.endsWith('.whl'));
  const path = join(download, wheel ?? '');
  if (wheel === undefined || (await hashFile(path)) !== sha256) {
    throw new CodedError(
      ERRORS.RUNTIME_CORRUPT,
      `uv's wheel for ${platform} does not have the expected hash`,
    );
  }
  await runProgram('python3', ['-m', 'zipfile', '-e', path, download], limits);
  return join(download, `uv-${RUNTIME_VERSIONS.uv}.data`, 'scripts', 'uv');
}

/** A python whose pip works: Debian's lacks it, a virtual environment of it may not. */
async function pythonWithPip(folder: string, limits: Limits): Promise<string> {
  try {
    await runProgram('python3', ['-m', 'pip', '--version'], limits);
    return 'python3';
  } catch {
    limits.signal?.throwIfAborted();
    const environment = join(folder, 'venv');
    await runProgram('python3', ['-m', 'venv', environment], limits);
    return join(environment, 'bin', 'python');
  }
}

/** Whatever goes wrong here is the operator's machine or network: one host's error, not the end of the command. */
async function fetching(what: string, signal: AbortSignal, fetch: () => Promise<Blob>): Promise<Blob> {
  try {
    return await fetch();
  } catch (error) {
    if (error instanceof CodedError || signal.aborted) throw error;
    const detail = error instanceof Error ? error.message : String(error);
    throw new CodedError(ERRORS.RUNTIME_UNAVAILABLE, `could not fetch ${what}: ${detail.slice(-400)}`, {
      cause: error,
    });
  }
}
