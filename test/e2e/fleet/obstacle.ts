import { findProgram } from '../../../scripts/lib/system-packages.ts';
import { runTool } from './run-tool.ts';

const programs = ['unshare', 'nsenter', 'setpriv', 'ip', 'sshd', 'ssh', 'ssh-keygen', 'mount', 'ps'];

/** Why this machine cannot host a fleet in network namespaces; null when it can. */
export async function canHostFleet(): Promise<string | null> {
  if (process.platform !== 'linux') return 'a fleet in network namespaces needs Linux';
  if (process.getuid?.() !== 0) return 'a fleet in network namespaces needs root';
  for (const program of programs) {
    if ((await findProgram(program)) === null) return `${program} is not installed`;
  }
  const trial = await runTool('unshare', [
    '-n',
    '-m',
    '-p',
    '-u',
    '-f',
    '--mount-proc',
    'mount',
    '-t',
    'tmpfs',
    'trial',
    '/run',
  ]);
  if (trial.exitCode !== 0) return `namespaces are not allowed here: ${trial.stderr.trim()}`;
  return null;
}
