/**
 * How large a file is, for people: decimal megabytes, as limits are written. Rounded up, so that what is a little beyond a
 * limit does not look as large as it.
 */
export function mediaSizeText(bytes: number): string {
  return bytes < 1e5 ? `${String(bytes)} bytes` : `${String(Math.ceil(bytes / 1e4) / 100)} MB`;
}
