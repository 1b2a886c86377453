import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  /** The program and its arguments. */
  readonly words: readonly string[];
}

/** Process ids of the workers that a process has started and that have not ended. */
export async function workersOf(agentPid: number): Promise<number[]> {
  const children = await childrenOf(agentPid);
  return children.filter(({ words }) => words.includes('mlxfleet_worker')).map(({ pid }) => pid);
}

/** The processes that a process has started and that have not ended. */
export async function childrenOf(pid: number): Promise<RunningProcess[]> {
  const all = process.platform === 'linux' ? await processesOfLinux() : await processesByPs();
  return all.filter(({ parent }) => parent === pid);
}

/** Bytes of memory that a process of Linux has to itself. */
export async function ownMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** From the system itself: not every Linux has ps. */
async function processesOfLinux(): Promise<RunningProcess[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const processes = await Promise.all(
    names.map(async (name): Promise<RunningProcess | null> => {
      // Those that end meanwhile are none.
      const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
      const [, state = 'Z', parent] = /\) (\S) (\d+) /.exec(stat) ?? [];
      const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
      return state === 'Z' ? null : { pid: Number(name), parent: Number(parent), words: command.split('\0') };
    }),
  );
  return processes.filter((each) => each !== null);
}

async function processesByPs(): Promise<RunningProcess[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,stat=,args=']);
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state = 'Z']) => !state.startsWith('Z'))
    .map(([pid, parent, , ...words]) => ({ pid: Number(pid), parent: Number(parent), words }));
}
