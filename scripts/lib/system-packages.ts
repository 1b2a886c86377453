import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { capture } from './command.ts';
import { formatSeconds, say } from './progress.ts';

/** A program and the Debian package that brings it. */
export interface SystemProgram {
  readonly program: string;
  readonly debianPackage: string;
  /** Completes "needed for …". */
  readonly purpose: string;
}

/** MLX's CPU backend compiles its kernels at first use. */
export const compiler: SystemProgram = {
  program: 'g++',
  debianPackage: 'g++',
  purpose: "MLX's CPU backend",
};

/** For tests that log in to hosts or to an sshd on loopback. */
export const fleetPrograms: readonly SystemProgram[] = [
  { program: 'sshd', debianPackage: 'openssh-server', purpose: 'the hosts of the test fleet' },
  { program: 'ssh', debianPackage: 'openssh-client', purpose: 'the operator of the test fleet' },
  { program: 'ip', debianPackage: 'iproute2', purpose: 'the network of the test fleet' },
  { program: 'ps', debianPackage: 'procps', purpose: 'looking at a host’s processes' },
  { program: 'unshare', debianPackage: 'util-linux', purpose: 'the namespaces of the test fleet' },
];

/** For tests that log in to accounts with another login shell than a POSIX one, or with that of Macs. */
export const loginShells: readonly SystemProgram[] = [
  { program: 'fish', debianPackage: 'fish', purpose: 'accounts whose login shell is fish' },
  { program: 'tcsh', debianPackage: 'tcsh', purpose: 'accounts whose login shell is tcsh' },
  { program: 'zsh', debianPackage: 'zsh', purpose: 'accounts whose login shell is zsh' },
];

/**
 * Brings the programs this machine lacks: installs their packages where it may (root on a Debian), else says with which
 * command to. Answers with the programs that are still missing. Only Linux is asked for anything.
 */
export async function ensureSystemPrograms(programs: readonly SystemProgram[]): Promise<SystemProgram[]> {
  if (process.platform !== 'linux') return [];
  const missing = await filterMissing(programs);
  if (missing.length === 0) return [];
  const packages = [...new Set(missing.map((program) => program.debianPackage))];
  const isRoot = process.getuid?.() === 0;
  if (isRoot && (await findProgram('apt-get'))) {
    const start = performance.now();
    say(`Installing the system packages ${packages.join(', ')} …`);
    const install = ['apt-get', 'install', '--yes', '--no-install-recommends', ...packages].join(' ');
    const result = await capture('/bin/sh', ['-c', `${install} || { apt-get update && ${install}; }`], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    });
    if (result.exitCode === 0) say(`System packages: done in ${formatSeconds(performance.now() - start)}`);
    else say(`apt-get failed:\n${result.output.trimEnd().split('\n').slice(-5).join('\n')}`);
  }
  const left = await filterMissing(missing);
  for (const { program, purpose } of left) say(`${program} is missing, needed for ${purpose}.`);
  if (left.length > 0) {
    const names = [...new Set(left.map((program) => program.debianPackage))].join(' ');
    say(`On Debian and Ubuntu: sudo apt-get install ${names}`);
  }
  return left;
}

/** Absolute path of a program on PATH or where system administration programs lie; null when there is none. */
export async function findProgram(name: string): Promise<string | null> {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    const candidate = path.join(folder, name);
    const usable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (folder !== '' && usable) return candidate;
  }
  return null;
}

async function filterMissing(programs: readonly SystemProgram[]): Promise<SystemProgram[]> {
  const paths = await Promise.all(programs.map((program) => findProgram(program.program)));
  return programs.filter((_, index) => paths[index] === null);
}
