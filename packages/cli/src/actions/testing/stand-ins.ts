import { mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { agentConfigSchema } from '@mlxfleet/protocol';
import type { ResolvedHost } from '../../config/resolved-host.ts';
import { LocalHost } from '../../hosts/local-host.ts';
import type { RuntimeSource } from '../../release/fetch-runtime.ts';
import { hashFile, sha256 } from '../../release/hash-file.ts';
import type { Blob } from '../../release/package-release.ts';
import { collectPayload, type Payload } from '../../release/payload.ts';
import type { RuntimeName } from '../../release/runtime-table.ts';
import { runScript } from '../../remote-commands/run-script.ts';
import { script } from '../../remote-commands/script.ts';
import { hostScriptParts } from '../../service/host-script-parts.ts';
import type { DeployObserver } from '../../deploy-types/deploy-observer.ts';
import type { DeploySettings } from '../../deploy-types/deploy-settings.ts';
import type { Target } from '../../deploy-types/target.ts';

const SYSTEM_PATH = process.env['PATH'] ?? '';

/** How a stand-in agent behaves. */
export type Behaviour = 'healthy' | 'exits' | 'never-ready' | 'stubborn';

/** What a payload of the tests has otherwise. */
export interface PayloadChanges {
  /** Path in the checkout to its text. */
  readonly files?: Readonly<Record<string, string>>;
  readonly runtime?: Payload['runtime'];
}

/** A payload whose agent is a stand-in. `version` makes its content differ. */
export async function standInPayload(
  folder: string,
  version: string,
  behaviour: Behaviour = 'healthy',
  changes: PayloadChanges = {},
): Promise<Payload> {
  const here = import.meta.dirname;
  const key = sha256(JSON.stringify(changes)).slice(0, 8);
  const distribution = join(folder, `distribution-${version}-${behaviour}-${key}`);
  const agent = await readFile(join(here, 'stand-in-agent.mjs'), 'utf8');
  const files = {
    'package.json': JSON.stringify({ version }),
    'packages/agent/dist/agent.mjs': agent.replace("BEHAVIOUR = 'healthy'", `BEHAVIOUR = '${behaviour}'`),
    'packages/agent/dist/control.mjs': await readFile(join(here, 'stand-in-control.mjs'), 'utf8'),
    'packages/agent/python/mlxfleet_worker/__init__.py': `VERSION = "${version}"\n`,
    'packages/agent/python/locks/text-linux-x86_64.txt': '# no packages\n',
    'packages/agent/python/locks/text-macos-arm64.txt': '# no packages\n',
    'packages/agent/python/locks/vision-linux-x86_64.txt': '# no packages\n',
    'packages/agent/python/locks/vision-macos-arm64.txt': '# no packages\n',
    ...changes.files,
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(distribution, path)), { recursive: true });
    await writeFile(join(distribution, path), text);
  }
  return collectPayload(distribution, changes.runtime);
}

/** A uv that makes an environment whose python imports anything. */
const STAND_IN_UV = `#!/bin/sh
case $1 in
  --version) echo uv stand-in ;;
  venv)
    for folder; do :; done
    mkdir -p "$folder/bin"
    printf '#!/bin/sh\\nexit 0\\n' >"$folder/bin/python"
    chmod 755 "$folder/bin/python"
    ;;
  pip) [ -z "\${UV_STAND_IN_SLEEP:-}" ] || sleep "$UV_STAND_IN_SLEEP" ;;
esac
`;

/** A Python that answers what the facts ask, so that no real interpreter is started. */
const STAND_IN_PYTHON = '#!/bin/sh\necho "3.12 $0"\n';

/** Programs of one line instead of 150 MB: node is this machine's own. */
class StandInRuntimes implements RuntimeSource {
  readonly #folder: string;
  readonly #blobs = new Map<RuntimeName, Promise<Blob>>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async blob(name: RuntimeName): Promise<Blob> {
    // Once: other hosts may be reading the file by now.
    const known = this.#blobs.get(name) ?? this.#write(name);
    this.#blobs.set(name, known);
    return known;
  }

  async #write(name: RuntimeName): Promise<Blob> {
    const text = name === 'node' ? `#!/bin/sh\nexec '${process.execPath}' "$@"\n` : STAND_IN_UV;
    const path = join(this.#folder, `${name}.gz`);
    const bytes = gzipSync(text);
    await writeFile(path, bytes);
    return { path, sha256: await hashFile(path), bytes: bytes.length };
  }

  async held(): Promise<null> {
    return null;
  }
}

/** One root on this machine, and everything needed to deploy stand-ins to it. */
export class StandInHost {
  readonly folder: string;
  readonly root: string;
  readonly target: Target;
  readonly runtimes: RuntimeSource;

  constructor(folder: string, changes: Partial<ResolvedHost> = {}) {
    this.folder = folder;
    this.root = changes.root ?? join(folder, "a root's folder");
    const settings: ResolvedHost = {
      name: 'here',
      address: null,
      connection: 'local',
      root: this.root,
      vision: false,
      labels: [],
      keepReleases: 2,
      agentConfig: agentConfigSchema.parse({ version: 1, drain_seconds: 0 }),
      env: {},
      python: { version: '3.12', indexUrl: null, findLinks: null },
      smokeTestModel: null,
      ...changes,
    };
    this.target = { settings, host: new LocalHost(settings.name) };
    this.runtimes = new StandInRuntimes(folder);
  }

  /** Also points this process to a cache and a Python of the tests' own. */
  static async create(changes: Partial<ResolvedHost> = {}): Promise<StandInHost> {
    const folder = await mkdtemp(join(tmpdir(), 'mlxfleet-test-'));
    await mkdir(join(folder, 'bin'));
    await writeFile(join(folder, 'bin/python3.12'), STAND_IN_PYTHON, { mode: 0o755 });
    process.env['PATH'] = `${join(folder, 'bin')}:${SYSTEM_PATH}`;
    process.env['XDG_CACHE_HOME'] = join(folder, 'cache');
    return new StandInHost(folder, changes);
  }

  /** Id of the release that `current` leads to; null when nothing is deployed. */
  async currentRelease(): Promise<string | null> {
    return readlink(this.path('current')).then(
      (target) => target.replace('releases/', ''),
      () => null,
    );
  }

  /** Same root with other settings. */
  with(changes: Partial<ResolvedHost>): StandInHost {
    return new StandInHost(this.folder, { ...this.target.settings, ...changes });
  }

  /** Path under the root. */
  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /** Stops what runs and removes everything. */
  async dispose(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Stops what runs. */
  async stop(): Promise<void> {
    // A test may have left a lock of a holder that lives.
    await rm(this.path('deploy/lock'), { recursive: true, force: true });
    const stop = script([...hostScriptParts(this.target.settings), 'service'], {
      ROOT: this.root,
      ACTION: 'stop',
      CHANGE_ID: 'dispose',
      OPERATOR: 'test',
      OPERATOR_PID: '0',
      COMMAND: 'stop',
      WAIT_LOCK: '20',
      SERVICE_STOP_SECONDS: '1',
    });
    await runScript(this.target.host, stop, () => undefined, { holdStdin: true });
  }
}

export const standInSettings: DeploySettings = {
  operator: { name: 'tester@bench', pid: 1, parentChange: null },
  waitLockSeconds: 0,
  canary: [],
  maxParallel: 4,
  dryRun: false,
  clean: false,
  onlyStage: false,
};

/** Keeps what an observer is told, as lines. */
export class RecordingObserver implements DeployObserver {
  readonly lines: string[] = [];

  hostStep(host: string, step: string, state: string, detail: string): void {
    this.lines.push(`${host} ${step} ${state} ${detail}`.trimEnd());
  }

  hostNotice(host: string, text: string): void {
    this.lines.push(`${host} notice ${text}`);
  }

  hostOutcome(
    host: string,
    { outcome, error }: { outcome: string; error: { message: string } | null },
  ): void {
    this.lines.push(`${host} outcome ${outcome}${error === null ? '' : `: ${error.message}`}`);
  }
}
