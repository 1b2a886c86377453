import type { MemoryStall } from './memory-pressure.ts';

/** What systems say of their memory, from text to numbers. Anything else is left to `system-memory.ts`. */

/** From `/proc/meminfo`: bytes that programs can still take without swapping. Null when it does not say. */
export function availableFromMeminfo(text: string): number | null {
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}

/** From `/proc/pressure/memory`, or a control group's `memory.pressure`. Null when it says something else. */
export function stallFromPressure(text: string): MemoryStall | null {
  const average = (kind: string): number | null => {
    const percent = new RegExp(String.raw`^${kind} avg10=(\d+(?:\.\d+)?) `, 'm').exec(text)?.[1];
    return percent === undefined ? null : Number(percent);
  };
  const [some, full] = [average('some'), average('full')];
  return some === null || full === null ? null : { some, full };
}

/** From `/proc/self/cgroup`: the path of the unified control group. Null without one. */
export function unifiedGroup(text: string): string | null {
  return /^0::(\/.*)$/m.exec(text)?.[1] ?? null;
}

export interface GroupFiles {
  readonly max: string;
  readonly current: string;
  readonly stat: string;
}

/**
 * From a control group's `memory.max`, `memory.current` and `memory.stat`: bytes that it may still take. Files that were
 * read count as used there, and go first when memory is needed. Null without a limit.
 */
export function availableInGroup({ max, current, stat }: GroupFiles): number | null {
  const limit = Number(max.trim());
  const used = Number(current.trim());
  if (max.trim() === '' || !Number.isFinite(limit) || !Number.isFinite(used)) return null;
  const bytes = (name: string): number =>
    Number(new RegExp(String.raw`^${name} (\d+)$`, 'm').exec(stat)?.[1] ?? 0);
  const droppable = bytes('inactive_file') + bytes('active_file') + bytes('slab_reclaimable');
  return Math.min(limit, Math.max(0, limit - used + droppable));
}

/**
 * From `vm_stat`: bytes that programs can still take without swapping or compressing. That is all but what programs have
 * written, what is wired, and what the compressor holds; pages of files go first when memory is needed. Activity Monitor
 * counts the rest as "Memory Used". Null when it says something else.
 * @param totalBytes the machine's memory.
 */
export function availableFromVmStat(text: string, totalBytes: number): number | null {
  const pageSize = Number(/page size of (\d+) bytes/.exec(text)?.[1] ?? Number.NaN);
  const bytes = (name: string): number =>
    pageSize * Number(new RegExp(String.raw`^"?${name}"?:\s+(\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  const anonymous = bytes('Anonymous pages') - bytes('Pages purgeable');
  const used = anonymous + bytes('Pages wired down') + bytes('Pages occupied by compressor');
  return Number.isNaN(used) ? null : Math.min(totalBytes, Math.max(0, totalBytes - used));
}

/** From `sysctl -n kern.memorystatus_vm_pressure_level`: 1, 2 or 4. Null for anything else. */
export function pressureFromSysctl(text: string): 'normal' | 'warn' | 'critical' | null {
  switch (text.trim()) {
    case '1':
      return 'normal';
    case '2':
      return 'warn';
    case '4':
      return 'critical';
    default:
      return null;
  }
}
