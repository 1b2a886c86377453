/**
 * The file that a line of a conversation asks to attach: `/image FILE`, as it is typed or as terminals write a file that is
 * dropped on them, with quotes around it or backslashes before spaces. Null for every other line; empty without a file.
 */
export function imageCommand(line: string): string | null {
  const [, rest] = /^\/image(?:\s+(.*))?$/s.exec(line.trim()) ?? [null, null];
  if (rest === null) return null;
  const [, , quoted] = /^(["'])(.*)\1$/s.exec(rest ?? '') ?? [];
  return quoted ?? (rest ?? '').replaceAll(/\\(.)/gs, '$1');
}
