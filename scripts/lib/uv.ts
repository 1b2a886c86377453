import path from 'node:path';
import { capture, mustSucceed } from './command.ts';
import { makeOnce } from './make-once.ts';
import { cacheFolder } from './paths.ts';
import { pip } from './pip.ts';

const UV_VERSION = '0.13.9';

const ONLINE_HINT =
  'Is this machine online, and can uv reach the package index? It is needed once; later runs work offline.';

/** Absolute path of uv, taken from its wheel. */
async function ensureUv(): Promise<string> {
  const folder = await makeOnce({
    folder: path.join(cacheFolder, 'uv'),
    stamp: `uv ${UV_VERSION} ${process.platform}-${process.arch}\n`,
    title: `Fetching uv ${UV_VERSION}`,
    make: async (target) => {
      await pip([
        'install',
        '--quiet',
        '--no-deps',
        '--only-binary',
        ':all:',
        '--target',
        target,
        `uv==${UV_VERSION}`,
      ]);
    },
  });
  return path.join(folder, 'bin', 'uv');
}

/**
 * Runs uv with the arguments given. pip's index, when one is set, is uv's index too.
 * @throws {SetupError} with uv's last lines when it fails.
 */
export async function uv(argv: readonly string[]): Promise<string> {
  const executable = await ensureUv();
  return mustSucceed(executable, argv, ONLINE_HINT, { env: await indexEnvironment() });
}

async function indexEnvironment(): Promise<Record<string, string>> {
  if (process.env['UV_DEFAULT_INDEX'] || process.env['UV_INDEX_URL']) return {};
  const fromPip = process.env['PIP_INDEX_URL'] ?? (await pipSetting('global.index-url'));
  return fromPip ? { UV_DEFAULT_INDEX: fromPip } : {};
}

async function pipSetting(name: string): Promise<string | null> {
  const result = await capture('python3', ['-m', 'pip', 'config', 'get', name]).catch(() => null);
  return result?.exitCode === 0 ? result.stdout.trim() : null;
}
