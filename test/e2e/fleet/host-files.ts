import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { mustRun } from './run-tool.ts';

/** Whom a host knows. */
export interface HostAcquaintances {
  /** Names and addresses of all hosts, for /etc/hosts. */
  readonly neighbours: Readonly<Record<string, string>>;
  /** The operator's public key. */
  readonly operatorKey: string;
}

interface HostFileSettings extends HostAcquaintances {
  readonly folder: string;
  readonly home: string;
  readonly address: string;
  /** PATH of everything that runs on the host. */
  readonly searchPath: string;
  /** Login shell of root, as an absolute path; `/bin/sh` when unset. */
  readonly loginShell?: string | undefined;
  /** Lines of sshd_config that go before those of every host: of most settings sshd takes the first. */
  readonly sshdConfig?: readonly string[] | undefined;
}

/** The key that clients know the host by. */
export function hostKeyFile(folder: string): string {
  return path.join(folder, 'ssh_host_ed25519_key');
}

/** Writes what a host has before its first boot: home, accounts, keys and sshd's configuration. */
export async function writeHostFiles(settings: HostFileSettings): Promise<void> {
  const { folder, home } = settings;
  await mkdir(path.join(home, '.ssh'), { recursive: true, mode: 0o700 });
  await writeFile(path.join(home, '.ssh', 'authorized_keys'), settings.operatorKey, { mode: 0o600 });
  await writeFile(path.join(folder, 'passwd'), await accountsWithHome(home, settings.loginShell));
  await writeFile(path.join(folder, 'shadow'), 'root:*:19000:0:99999:7:::\n', { mode: 0o600 });
  const neighbours = Object.entries(settings.neighbours).map(([name, address]) => `${address} ${name}\n`);
  await writeFile(path.join(folder, 'hosts'), `127.0.0.1 localhost\n${neighbours.join('')}`);
  await writeFile(path.join(folder, 'sshd_config'), sshdConfig(settings));
  await makeKey(hostKeyFile(folder), 'ed25519');
  await makeKey(path.join(folder, 'ssh_host_ecdsa_key'), 'ecdsa');
}

/** Makes a new key pair in the place of one that may be there. */
export async function makeKey(file: string, type: 'ed25519' | 'ecdsa'): Promise<void> {
  await rm(file, { force: true });
  await rm(`${file}.pub`, { force: true });
  await mustRun('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', file]);
}

/** The machine's accounts, with another home and shell for root: no login file of this machine is read. */
export async function accountsWithHome(home: string, shell = '/bin/sh'): Promise<string> {
  const accounts = await readFile('/etc/passwd', 'utf8');
  return accounts.replace(/^root:.*$/m, () => `root:x:0:0:root:${home}:${shell}`);
}

function sshdConfig({ folder, address, searchPath, sshdConfig: first = [] }: HostFileSettings): string {
  return `${[
    ...first,
    `ListenAddress ${address}`,
    'Port 22',
    `HostKey ${hostKeyFile(folder)}`,
    `HostKey ${path.join(folder, 'ssh_host_ecdsa_key')}`,
    'PidFile /run/sshd.pid',
    'LogLevel VERBOSE',
    'PermitRootLogin prohibit-password',
    'AuthorizedKeysFile .ssh/authorized_keys',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    'UseDNS no',
    'PrintMotd no',
    'PrintLastLog no',
    'Subsystem sftp internal-sftp',
    `SetEnv PATH=${searchPath}`,
  ].join('\n')}\n`;
}
