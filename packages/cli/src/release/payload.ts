import { readdir, readFile } from 'node:fs/promises';
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

/** Where the files stand, with what their paths in there look like (none is hidden), and where they go in a release. */
const SOURCES = [
  { folder: 'packages/agent/dist', files: /^(agent|control)\.mjs$/, into: 'agent' },
  {
    folder: 'packages/agent/python/mlxfleet_worker',
    files: /^(?:[^./][^/]*\/)*[^./][^/]*\.py$/,
    into: 'worker/mlxfleet_worker',
  },
  { folder: 'packages/agent/python/locks', files: /^[^./][^/]*\.txt$/, into: 'locks' },
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
  const sources = (await Promise.all(SOURCES.map(async (source) => listFiles(folder, source)))).flat();
  const files = await Promise.all(
    sources.map(async ({ path, source }): Promise<PayloadFile> => {
      return { path, source, sha256: await hashFile(source) };
    }),
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

/** Those of a folder that is not there are none. A glob takes a hundred times as long. */
async function listFiles(
  root: string,
  { folder, files, into }: (typeof SOURCES)[number],
): Promise<Omit<PayloadFile, 'sha256'>[]> {
  const found = await readdir(join(root, folder), { recursive: true }).catch(() => []);
  return found
    .filter((path) => files.test(path))
    .map((path) => ({ path: `${into}/${path}`, source: join(root, folder, path) }));
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
