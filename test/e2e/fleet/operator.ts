import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { cacheFolder } from '../../../scripts/lib/paths.ts';
import { accountsWithHome, makeKey } from './host-files.ts';
import { type ToolOptions, type ToolResult, runTool } from './run-tool.ts';

/** What a test starts to act as the operator. */
export interface OperatorCommand {
  readonly file: string;
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/**
 * The person who runs mlxfleet against the fleet, with a home of their own. ssh takes the home from the account and not
 * from HOME, so the operator's programs run where /etc/passwd says so.
 */
export class Operator {
  readonly home: string;
  /** Private key that the hosts accept. */
  readonly identity: string;
  readonly knownHosts: string;
  readonly sshConfig: string;
  readonly #passwd: string;

  private constructor(folder: string) {
    this.home = path.join(folder, 'home');
    this.identity = path.join(this.home, '.ssh', 'id_ed25519');
    this.knownHosts = path.join(this.home, '.ssh', 'known_hosts');
    this.sshConfig = path.join(this.home, '.ssh', 'config');
    this.#passwd = path.join(folder, 'passwd');
  }

  static async create(folder: string): Promise<Operator> {
    const operator = new Operator(folder);
    await mkdir(path.dirname(operator.identity), { recursive: true, mode: 0o700 });
    await writeFile(operator.#passwd, await accountsWithHome(operator.home));
    await makeKey(operator.identity, 'ed25519');
    return operator;
  }

  publicKey(): Promise<string> {
    return readFile(`${this.identity}.pub`, 'utf8');
  }

  /** The environment of the operator's programs: this one with another home, and without an ssh agent. */
  environment(): NodeJS.ProcessEnv {
    const { SSH_AUTH_SOCK: _agent, ...inherited } = process.env;
    const npmConfiguration = path.join(os.homedir(), '.npmrc');
    return {
      ...inherited,
      ...(existsSync(npmConfiguration) ? { NPM_CONFIG_USERCONFIG: npmConfiguration } : {}),
      HOME: this.home,
      // Downloads are kept between fleets.
      XDG_CACHE_HOME: path.join(cacheFolder, 'operator'),
    };
  }

  /** How to start a program as the operator. The process id of what is started is the program's own. */
  command(file: string, argv: readonly string[]): OperatorCommand {
    const enter = `mount --bind ${this.#passwd} /etc/passwd && exec "$@"`;
    return {
      file: 'unshare',
      argv: ['--mount', '/bin/sh', '-c', enter, 'operator', file, ...argv],
      env: this.environment(),
    };
  }

  /** Runs a program as the operator. */
  run(file: string, argv: readonly string[], options: ToolOptions = {}): Promise<ToolResult> {
    const command = this.command(file, argv);
    return runTool(command.file, command.argv, { ...options, env: { ...command.env, ...options.env } });
  }
}
