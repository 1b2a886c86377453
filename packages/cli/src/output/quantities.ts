const GIBIBYTE = 1024 ** 3;
const MEBIBYTE = 1024 ** 2;

/** Bytes as people say them, for example 3.1 MB or 212 GB; binary units under their everyday names. */
export function formatBytes(bytes: number): string {
  if (bytes >= 10 * GIBIBYTE) return `${Math.round(bytes / GIBIBYTE)} GB`;
  if (bytes >= GIBIBYTE) return `${(bytes / GIBIBYTE).toFixed(1)} GB`;
  if (bytes >= 10 * MEBIBYTE) return `${Math.round(bytes / MEBIBYTE)} MB`;
  if (bytes >= MEBIBYTE) return `${(bytes / MEBIBYTE).toFixed(1)} MB`;
  return `${Math.ceil(bytes / 1024)} KB`;
}

/** Used and total memory with one unit, for example 61/128 GB. */
export function formatMemory(usedBytes: number, totalBytes: number): string {
  return `${Math.round(usedBytes / GIBIBYTE)}/${Math.round(totalBytes / GIBIBYTE)} GB`;
}

/** A span of time in its largest unit, for example 41 s or 2 h. */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** A bar of eight cells. */
export function bar(fraction: number): string {
  const cells = 8;
  const full = Math.min(cells, Math.max(0, Math.round(fraction * cells)));
  return '▇'.repeat(full) + '▁'.repeat(cells - full);
}

/** A release id in few characters: month, day and the first digits of its content hash. */
export function shortRelease(id: string): string {
  const [, day, hash] = /^\d{4}(\d{4})T\d{6}Z-([0-9a-f]{4})[0-9a-f]*$/.exec(id) ?? [];
  return day === undefined || hash === undefined ? id : `${day}-${hash}`;
}

/** A model's id without its owner. */
export function shortModel(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1);
}
