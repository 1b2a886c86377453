/** Bytes for people, rounded down. */
export function sizeText(bytes: number): string {
  const isSmall = bytes < 1024 ** 2;
  return `${String(Math.floor(bytes / (isSmall ? 1024 : 1024 ** 2)))} ${isSmall ? 'KiB' : 'MiB'}`;
}
