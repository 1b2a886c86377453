import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePorts } from './free-ports.ts';

const execute = promisify(execFile);

const SSHD = '/usr/sbin/sshd';
const START_LIMIT_MS = 10_000;

/** Why this machine cannot host an sshd of its own; null when it can. */
export function sshdObstacle(): string | null {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root, to start sshd';
  if (!existsSync(SSHD)) return 'needs OpenSSH server';
  return existsSync('/usr/bin/ssh') && existsSync('/usr/bin/ssh-keygen') ? null : 'needs OpenSSH client';
}

/** Makes a key pair with ssh-keygen. */
export async function makeKeyPair(
  file: string,
  options: { readonly type?: string; readonly passphrase?: string; readonly format?: string } = {},
): Promise<void> {
  const { type = 'ed25519', passphrase = '', format } = options;
  const words = ['-q', '-t', type, '-N', passphrase, '-C', path.basename(file), '-f', file];
  await execute('ssh-keygen', format === undefined ? words : [...words, '-m', format]);
}

export interface SshdSettings {
  /** Empty folder for its files. */
  readonly folder: string;
  /** Lines of authorized_keys. */
  readonly authorizedKeys: readonly string[];
  /** More lines of sshd_config, which go before those that every test has. */
  readonly config?: readonly string[];
  readonly hostKeyTypes?: readonly string[];
  /** A port that was free a moment ago, unless one is named. */
  readonly port?: number;
  /** Gives those who log in another login shell or home. Takes a mount namespace: see accountObstacle. */
  readonly account?: SshdAccount;
}

interface SshdAccount {
  /** Absolute path; `/bin/bash` when unset. */
  readonly shell?: string;
  /** Name of the home folder; `home` when unset. */
  readonly homeName?: string;
}

/** Why an sshd cannot have accounts of its own here; null when it can. */
export async function accountObstacle(): Promise<string | null> {
  const obstacle = sshdObstacle();
  if (obstacle !== null) return obstacle;
  return execute('unshare', ['--mount', 'mount', '--bind', '/etc/passwd', '/etc/passwd']).then(
    () => null,
    () => 'needs to be allowed to make mount namespaces',
  );
}

/** A real sshd on a free port of loopback. */
export class LoopbackSshd {
  readonly port: number;
  /** Home folder of those who log in. */
  readonly home: string;
  readonly #folder: string;
  readonly #process: ChildProcess;
  #log = '';

  private constructor(port: number, folder: string, home: string, child: ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.home = home;
    this.#process = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
  }

  static async start(settings: SshdSettings): Promise<LoopbackSshd> {
    const { folder, authorizedKeys, config = [], hostKeyTypes = ['ed25519'], account } = settings;
    const [free = 0] = await freePorts(1);
    const { port = free } = settings;
    await mkdir('/run/sshd', { recursive: true });
    await mkdir(folder, { recursive: true });
    const home = path.join(folder, account?.homeName ?? 'home');
    await mkdir(home);
    const keys: string[] = [];
    for (const type of hostKeyTypes) {
      const file = path.join(folder, `host_${type}`);
      await makeKeyPair(file, { type });
      keys.push(`HostKey ${file}`);
    }
    const authorized = path.join(folder, 'authorized_keys');
    await writeFile(authorized, `${authorizedKeys.join('\n')}\n`);
    await chmod(authorized, 0o600);
    const configFile = path.join(folder, 'sshd_config');
    await writeFile(
      configFile,
      [
        `Port ${String(port)}`,
        'ListenAddress 127.0.0.1',
        // Of most settings sshd takes the first.
        ...config,
        ...keys,
        `AuthorizedKeysFile ${authorized}`,
        'PidFile none',
        'StrictModes no',
        'UsePAM no',
        'PermitRootLogin yes',
        'PasswordAuthentication no',
        'LogLevel VERBOSE',
        // Login shells read their start-up files from the account's home, which is nothing a test depends on.
        ...(account === undefined ? [`SetEnv HOME=${home}`] : []),
        '',
      ].join('\n'),
    );
    const words = [SSHD, '-D', '-e', '-f', configFile];
    const command = account === undefined ? words : await withAccount(account, folder, home, words);
    const [program = SSHD, ...rest] = command;
    const child = spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
    const sshd = new LoopbackSshd(port, folder, home, child);
    await sshd.#waitUntilItListens();
    return sshd;
  }

  /** What sshd wrote about its connections. */
  get log(): string {
    return this.#log;
  }

  /** Logins so far. */
  get logins(): number {
    return this.#log.match(/^Accepted publickey/gm)?.length ?? 0;
  }

  /** Type and key as known_hosts holds them. */
  async publicKey(type = 'ed25519'): Promise<string> {
    const text = await readFile(path.join(this.#folder, `host_${type}.pub`), 'utf8');
    return text.split(' ').slice(0, 2).join(' ');
  }

  /** Reads the host keys, their certificates and the settings again. */
  async reload(): Promise<void> {
    const restarts = this.#listening();
    this.#process.kill('SIGHUP');
    await this.#waitUntilItListens(restarts + 1);
  }

  /** Kills the processes that serve connections, as a host that crashes would. */
  async cutConnections(): Promise<void> {
    for (const pid of await childrenOf(this.#process.pid)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself in the meantime.
      }
    }
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    await this.cutConnections();
    this.#process.kill('SIGTERM');
    await gone;
  }

  /** How often it has begun to listen. */
  #listening(): number {
    return this.#log.match(/^Server listening/gm)?.length ?? 0;
  }

  async #waitUntilItListens(times = 1): Promise<void> {
    const end = performance.now() + START_LIMIT_MS;
    while (this.#listening() < times) {
      if (this.#process.exitCode !== null || performance.now() > end) {
        throw new Error(`sshd does not start: ${this.#log}`);
      }
      await sleep(20);
    }
  }
}

/** The command line that runs another where root has this account. It becomes that other process. */
async function withAccount(
  account: SshdAccount,
  folder: string,
  home: string,
  words: readonly string[],
): Promise<string[]> {
  const accounts = await readFile('/etc/passwd', 'utf8');
  const passwd = path.join(folder, 'passwd');
  const root = `root:x:0:0:root:${home}:${account.shell ?? '/bin/bash'}`;
  await writeFile(
    passwd,
    accounts.replace(/^root:.*$/m, () => root),
  );
  const enter = 'mount --bind "$0" /etc/passwd && exec "$@"';
  return ['unshare', '--mount', '/bin/sh', '-c', enter, passwd, ...words];
}

/** Child processes with theirs: sshd serves a connection with a process that drops its rights in another. */
async function childrenOf(pid: number | undefined): Promise<number[]> {
  if (pid === undefined) return [];
  const text = await readFile(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8').catch(() => '');
  const children = text
    .split(' ')
    .filter((word) => word.trim() !== '')
    .map(Number);
  const below = await Promise.all(children.map(childrenOf));
  return [...children, ...below.flat()];
}
