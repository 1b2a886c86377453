import path from 'node:path';
import type { Fleet } from '../../../test/e2e/fleet/fleet.ts';
import type { ToolResult } from '../../../test/e2e/fleet/run-tool.ts';
import type { Build } from './build.ts';
import type { Distances, RoundTripMs } from './distances.ts';
import type { HostFiles } from './other-host.ts';
import { COMMAND_TIMEOUT_MS, type DeployTool, type Form } from './tool.ts';

const deploys = path.join(import.meta.dirname, 'pyinfra');

/** pyinfra, which keeps one connection for the whole run by itself. Host keys are checked. */
export class PyinfraTool implements DeployTool {
  readonly name = 'pyinfra';
  readonly forms = ['archive', 'files'] as const;
  readonly host: string;
  readonly #fleet: Fleet;
  readonly #distances: Distances;
  readonly #bin: string;
  readonly #files: HostFiles;

  /** @param bin of the environment that holds pyinfra. */
  constructor(fleet: Fleet, distances: Distances, bin: string, files: HostFiles) {
    this.#fleet = fleet;
    this.#distances = distances;
    this.#bin = bin;
    this.#files = files;
    this.host = files.host;
  }

  deploy(build: Build, roundTripMs: RoundTripMs, form: Form): Promise<ToolResult> {
    return this.#deploy('deploy.py', build, roundTripMs, { form });
  }

  rollback(build: Build, roundTripMs: RoundTripMs): Promise<ToolResult> {
    return this.#deploy('rollback.py', build, roundTripMs, {});
  }

  async rest(): Promise<void> {
    // Nothing is kept.
  }

  async #deploy(
    file: string,
    { release, content, archive }: Build,
    roundTripMs: RoundTripMs,
    variables: Readonly<Record<string, string>>,
  ): Promise<ToolResult> {
    const { root, configuration, environmentFile } = this.#files;
    const { address, port } = this.#distances.endpoint(this.host, roundTripMs);
    const data = Object.entries({
      ssh_strict_host_key_checking: 'yes',
      ssh_known_hosts_file: this.#fleet.operator.knownHosts,
      root,
      release,
      content,
      archive,
      configuration,
      environment_file: environmentFile,
      ...variables,
    }).flatMap(([name, value]) => ['--data', `${name}=${value}`]);
    const way = ['--user', 'root', '--port', String(port), '--key', this.#fleet.operator.identity];
    return await this.#fleet.operator.run(
      path.join(this.#bin, 'pyinfra'),
      ['--yes', ...way, ...data, address, path.join(deploys, file)],
      { env: { LC_ALL: 'C.UTF-8' }, cwd: this.#fleet.folder, timeoutMs: COMMAND_TIMEOUT_MS },
    );
  }
}
