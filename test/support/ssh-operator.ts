import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Somebody who uses ssh with a configuration of their own. ssh reads that of the account whatever HOME says, so the
 * programs found on the search path are ones that name the configuration and then run the real thing.
 */
export class SshOperator {
  readonly folder: string;
  readonly knownHosts: string;
  readonly #bin: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.knownHosts = path.join(folder, 'known_hosts');
    this.#bin = path.join(folder, 'bin');
  }

  /** @param config lines of ssh_config that go before the defaults of every test. */
  static async create(folder: string, config: readonly string[] = []): Promise<SshOperator> {
    const operator = new SshOperator(folder);
    await mkdir(operator.#bin, { recursive: true });
    await operator.configure(config);
    const program = path.join(operator.#bin, 'ssh');
    await writeFile(program, `#!/bin/sh\nexec /usr/bin/ssh -F '${operator.#configFile}' "$@"\n`);
    await chmod(program, 0o755);
    return operator;
  }

  /** Replaces the configuration. */
  async configure(config: readonly string[]): Promise<void> {
    const defaults = [
      'Host *',
      `UserKnownHostsFile ${this.knownHosts}`,
      'GlobalKnownHostsFile none',
      `IdentityFile ${path.join(this.folder, 'id')}`,
      'StrictHostKeyChecking ask',
    ];
    await writeFile(this.#configFile, [...config, ...defaults, ''].join('\n'));
  }

  /** Without an agent unless `variables` name one. */
  environment(variables: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
    const { SSH_AUTH_SOCK: _agent, ...inherited } = process.env;
    const searchPath = `${this.#bin}:${inherited['PATH'] ?? '/usr/bin:/bin'}`;
    return { ...inherited, HOME: this.folder, PATH: searchPath, ...variables };
  }

  get #configFile(): string {
    return path.join(this.folder, 'config');
  }
}
