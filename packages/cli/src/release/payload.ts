import { readFile } from 'node:fs/promises';
import { glob } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CodedError, type EnvironmentKind, type Platform } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { distributionFolder } from './distribution-folder.ts';
import { hashFile, sha256 } from './hash-file.ts';
import { RUNTIME_VERSIONS, type RuntimeName } from './runtime-table.ts';

/** A file that goes into a release. */
interface PayloadFile {
  /** Path in the release, `/` separated. */
  readonly path: string;
  readonly source: string;
  readonly sha256: string;
}

/** What this copy of mlxfleet puts on hosts. */
export interface Payload {
  readonly version: string;
  /** Sorted by path. */
  readonly files: readonly PayloadFile[];
  /** Two payloads with the same hash are the same software. */
  readonly contentHash: string;
  /** Programs that it runs on. */
  readonly runtime: Readonly<Record<RuntimeName, string>>;
  /** Text of the lock file of an environment; undefined where none is locked for the platform. */
  readonly locks: ReadonlyMap<string, string>;
}

/** Name of a lock file, and its key in `Payload.locks`. */
export function lockName(kind: EnvironmentKind, platform: Platform): string {
  return `${kind}-${platform}`;
}

const SOURCES = [
  { pattern: 'packages/agent/dist/{agent,control}.mjs', strip: 'packages/agent/dist/', into: 'agent/' },
  {
    pattern: 'packages/agent/python/mlxfleet_worker/**/*.py',
    strip: 'packages/agent/python/',
    into: 'worker/',
  },
  { pattern: 'packages/agent/python/locks/*.txt', strip: 'packages/agent/python/locks/', into: 'locks/' },
];

const NEEDED = ['agent/agent.mjs', 'agent/control.mjs'];

/**
 * Reads what a release is made of from beside the command line's own files. `runtime` are the programs that it runs on.
 * @throws CodedError PAYLOAD_MISSING when it is not built.
 */
export async function collectPayload(
  folder: string = distributionFolder(),
  runtime: Payload['runtime'] = RUNTIME_VERSIONS,
): Promise<Payload> {
  const sources: Omit<PayloadFile, 'sha256'>[] = [];
  for (const { pattern, strip, into } of SOURCES) {
    for await (const found of glob(pattern, { cwd: folder })) {
      sources.push({ path: into + found.slice(strip.length), source: join(folder, found) });
    }
  }
  const files = await Promise.all(
    sources.map(async (file): Promise<PayloadFile> => ({ ...file, sha256: await hashFile(file.source) })),
  );
  files.sort((left, right) => (left.path < right.path ? -1 : 1));
  for (const path of NEEDED) {
    if (!files.some((file) => file.path === path)) {
      throw new CodedError(ERRORS.PAYLOAD_MISSING, `${path} of a release is not built`);
    }
  }
  const locks = new Map<string, string>();
  for (const file of files.filter(({ path }) => path.startsWith('locks/'))) {
    locks.set(basename(file.path, '.txt'), await readFile(file.source, 'utf8'));
  }
  const workspace: unknown = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  return { version: versionOf(workspace), files, contentHash: contentHash(files, runtime), runtime, locks };
}

function contentHash(files: readonly PayloadFile[], runtime: Payload['runtime']): string {
  const lines = files.map((file) => `${file.sha256}  ${file.path}\n`);
  return sha256(`node ${runtime.node}\nuv ${runtime.uv}\n${lines.join('')}`);
}

function versionOf(workspace: unknown): string {
  if (typeof workspace === 'object' && workspace !== null && 'version' in workspace) {
    if (typeof workspace.version === 'string') return workspace.version;
  }
  throw new CodedError(ERRORS.PAYLOAD_MISSING, 'package.json beside the command line has no version');
}
