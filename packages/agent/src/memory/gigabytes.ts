/** An amount of memory in messages, as disks are sold: 1 GB is 10^9 bytes. */
export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
