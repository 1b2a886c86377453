import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Bytes of memory that this process may count on: the machine's, or less in a container. */
export function totalMemory(): number {
  const constrained = process.constrainedMemory();
  const total = os.totalmem();
  return constrained > 0 && constrained < total ? constrained : total;
}

/** Name of the processor, for example Apple M4 Max. */
export async function machineType(): Promise<string> {
  if (process.platform === 'darwin') {
    const { stdout } = await run('/usr/sbin/sysctl', ['-n', 'machdep.cpu.brand_string']);
    return stdout.trim();
  }
  return os.cpus()[0]?.model.trim() || os.arch();
}

/** Bytes of the machine's memory in use, caches that can be dropped not counted. */
export async function usedMemory(): Promise<number> {
  if (process.platform === 'darwin') {
    const { stdout } = await run('/usr/bin/vm_stat');
    return usedFromVmStat(stdout);
  }
  return usedFromMeminfo(await readFile('/proc/meminfo', 'utf8'));
}

/** Bytes that a new process could take without others being swapped out; within a container, of its share. */
export async function availableMemory(): Promise<number> {
  const free = os.totalmem() - (await usedMemory());
  return process.constrainedMemory() > 0 ? Math.min(free, process.availableMemory()) : free;
}

/** From `/proc/meminfo`; its figures are kibibytes. */
export function usedFromMeminfo(text: string): number {
  const kibibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return Math.max(0, kibibytes('MemTotal') - kibibytes('MemAvailable')) * 1024;
}

/** From `vm_stat`: what is in active use, wired, or compressed. */
export function usedFromVmStat(text: string): number {
  const pageSize = Number(/page size of (\d+) bytes/.exec(text)?.[1] ?? 16_384);
  const pages = (name: string) => Number(new RegExp(`^"?${name}"?:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return (
    (pages('Pages active') + pages('Pages wired down') + pages('Pages occupied by compressor')) * pageSize
  );
}
