import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { MemoryReading } from './memory-pressure.ts';
import {
  availableFromMeminfo,
  availableFromVmStat,
  availableInGroup,
  pressureFromSysctl,
  stallFromPressure,
  unifiedGroup,
} from './memory-text.ts';

const run = promisify(execFile);
const CONTROL_GROUPS = '/sys/fs/cgroup';
/** A program that takes longer to say how the memory is tells enough by that. */
const PROGRAM_MS = 2000;

/** Bytes of memory that this process may count on: the machine's, or less in a container. */
export function totalMemory(): number {
  const constrained = process.constrainedMemory();
  const total = os.totalmem();
  return constrained > 0 && constrained < total ? constrained : total;
}

/**
 * How the memory of this machine, or container, is right now.
 * @throws Error when the system does not say.
 */
export async function readSystemMemory(): Promise<MemoryReading> {
  const reading = process.platform === 'darwin' ? await readMac() : await readLinux();
  const totalBytes = totalMemory();
  return { ...reading, totalBytes, availableBytes: Math.min(reading.availableBytes, totalBytes) };
}

type PlatformReading = Omit<MemoryReading, 'totalBytes'>;

async function readMac(): Promise<PlatformReading> {
  const [pages, level] = await Promise.all([
    program('/usr/bin/vm_stat'),
    program('/usr/sbin/sysctl', '-n', 'kern.memorystatus_vm_pressure_level'),
  ]);
  const availableBytes = availableFromVmStat(pages, os.totalmem());
  // What is free in the system's own words is a few hundred megabytes on any Mac: no substitute.
  if (availableBytes === null) throw new Error('vm_stat did not say how much memory is in use');
  return {
    availableBytes,
    systemPressure: pressureFromSysctl(level),
    stall: null,
  };
}

async function readLinux(): Promise<PlatformReading> {
  const [meminfo, groups, pressure] = await Promise.all([
    text('/proc/meminfo'),
    text('/proc/self/cgroup'),
    text('/proc/pressure/memory'),
  ]);
  const machine = availableFromMeminfo(meminfo) ?? os.freemem();
  const group = await readGroup(unifiedGroup(groups));
  return group === null
    ? { availableBytes: machine, systemPressure: null, stall: stallFromPressure(pressure) }
    : { ...group, availableBytes: Math.min(machine, group.availableBytes) };
}

/** Null when the control group has no limit of its own: then the machine's figures are right. */
async function readGroup(group: string | null): Promise<PlatformReading | null> {
  if (group === null) return null;
  const folder = path.join(CONTROL_GROUPS, group);
  const [max, current, stat, pressure] = await Promise.all(
    ['memory.max', 'memory.current', 'memory.stat', 'memory.pressure'].map(
      async (file) => await text(path.join(folder, file)),
    ),
  );
  const availableBytes = availableInGroup({ max: max ?? '', current: current ?? '', stat: stat ?? '' });
  if (availableBytes === null) return null;
  return { availableBytes, systemPressure: null, stall: stallFromPressure(pressure ?? '') };
}

/** Empty when the system does not have the file. */
async function text(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch(() => '');
}

/** Empty when the program fails. */
async function program(file: string, ...args: string[]): Promise<string> {
  return await run(file, args, { timeout: PROGRAM_MS }).then(
    ({ stdout }) => stdout,
    () => '',
  );
}
