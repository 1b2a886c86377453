import { RUNTIME_VERSIONS } from '../../packages/cli/src/release/runtime-table.ts';
import { capture, mustSucceed } from './command.ts';
import { ensurePythonTool } from './python-tool.ts';

const ONLINE_HINT =
  'Is this machine online, and can uv reach the package index? It is needed once; later runs work offline.';

/**
 * Runs uv with the arguments given. pip's index, when one is set, is uv's index too.
 * @throws {SetupError} with uv's last lines when it fails.
 */
export async function uv(argv: readonly string[]): Promise<string> {
  const executable = await ensurePythonTool('uv', RUNTIME_VERSIONS.uv);
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
