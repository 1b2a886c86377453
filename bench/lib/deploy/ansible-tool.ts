import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { findPython } from '../../../scripts/lib/python.ts';
import type { Fleet } from '../../../test/e2e/fleet/fleet.ts';
import type { ToolResult } from '../../../test/e2e/fleet/run-tool.ts';
import type { Build } from './build.ts';
import type { Distances, RoundTripMs } from './distances.ts';
import type { HostFiles } from './other-host.ts';
import { COMMAND_TIMEOUT_MS, type DeployTool, type Form } from './tool.ts';

const playbooks = path.join(import.meta.dirname, 'ansible');

/**
 * ansible-playbook, set up for speed: pipelining, one connection for the whole run, no facts, the host's Python named.
 * Host keys are checked.
 */
export class AnsibleTool implements DeployTool {
  readonly name = 'Ansible';
  readonly forms = ['archive', 'files'] as const;
  readonly host: string;
  readonly #fleet: Fleet;
  readonly #distances: Distances;
  readonly #bin: string;
  readonly #files: HostFiles;

  /** @param bin of the environment that holds Ansible. */
  constructor(fleet: Fleet, distances: Distances, bin: string, files: HostFiles) {
    this.#fleet = fleet;
    this.#distances = distances;
    this.#bin = bin;
    this.#files = files;
    this.host = files.host;
  }

  deploy(build: Build, roundTripMs: RoundTripMs, form: Form): Promise<ToolResult> {
    return this.#play('deploy.yaml', build, roundTripMs, { form });
  }

  rollback(build: Build, roundTripMs: RoundTripMs): Promise<ToolResult> {
    return this.#play('rollback.yaml', build, roundTripMs, {});
  }

  async rest(): Promise<void> {
    for (const socket of await readdir(this.#controlFolder)) {
      const where = `ControlPath=${path.join(this.#controlFolder, socket)}`;
      await this.#fleet.operator.run('ssh', ['-O', 'exit', '-o', where, 'any']);
    }
  }

  get #controlFolder(): string {
    return path.join(this.#fleet.folder, 'mux');
  }

  async #play(
    playbook: string,
    { release, content, archive }: Build,
    roundTripMs: RoundTripMs,
    variables: Readonly<Record<string, string>>,
  ): Promise<ToolResult> {
    const folder = path.join(this.#fleet.folder, 'ansible');
    for (const needed of [folder, this.#controlFolder]) await mkdir(needed, { recursive: true });
    const { root, configuration, environmentFile } = this.#files;
    const { address, port } = this.#distances.endpoint(this.host, roundTripMs);
    const settings = path.join(folder, 'variables.yaml');
    const inventory = path.join(folder, 'inventory.yaml');
    await writeFile(
      settings,
      stringify({
        root,
        release,
        content,
        archive,
        configuration,
        environment_file: environmentFile,
        ...variables,
      }),
    );
    await writeFile(
      inventory,
      stringify({
        all: {
          hosts: {
            [this.host]: {
              ansible_host: address,
              ansible_port: port,
              ansible_user: 'root',
              ansible_ssh_private_key_file: this.#fleet.operator.identity,
              ansible_python_interpreter: (await findPython()).executable,
            },
          },
        },
      }),
    );
    return await this.#fleet.operator.run(
      path.join(this.#bin, 'ansible-playbook'),
      ['--inventory', inventory, '--extra-vars', `@${settings}`, path.join(playbooks, playbook)],
      {
        env: {
          LC_ALL: 'C.UTF-8',
          ANSIBLE_PIPELINING: 'True',
          ANSIBLE_SSH_ARGS: '-o ControlMaster=auto -o ControlPersist=60s',
          ANSIBLE_SSH_CONTROL_PATH_DIR: this.#controlFolder,
          ANSIBLE_HOST_KEY_CHECKING: 'True',
          ANSIBLE_LOCAL_TEMP: path.join(folder, 'temporary'),
        },
        timeoutMs: COMMAND_TIMEOUT_MS,
      },
    );
  }
}
