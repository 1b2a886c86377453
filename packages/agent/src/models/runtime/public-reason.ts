const LONGEST_REASON = 300;
/** Rules out the slashes of URLs, fractions and ids such as organisation/name. */
const BEFORE_PATH = '(?<![\\w:/.~-])';
const QUOTED_PATH = /(['"`])(?:file:\/\/)?~?\/[^'"`\n]*\1/g;
const BARE_PATH = new RegExp(`${BEFORE_PATH}(?:file://)?~?/[^\\s'"\`,;:()<>[\\]{}]+`, 'g');

/** Keys of model hubs, of APIs and of code hosts by their prefixes, and what stands in an Authorization header. */
const SECRET = /\b(?:(?:hf_|sk-|gh[opsu]_|github_pat_)[\w-]{8,}|(?<=Bearer )[^\s,;'"]+)/g;

/**
 * What a worker said, fit for clients of the API: its first line, bounded, without keys, and of each path on this host only
 * the last name, which often tells what is missing. `known` are folders whose paths may hold anything, spaces too.
 */
export function publicReason(text: string, known: readonly string[] = []): string {
  let reason = text;
  for (const folder of known) {
    if (folder !== '' && folder !== '/') reason = reason.replaceAll(folder, lastName(folder));
  }
  // Lines after the first are lists and tracebacks.
  reason = reason.trim().split('\n', 1)[0] ?? '';
  reason = reason
    .replaceAll(QUOTED_PATH, (path, quote: string) => quote + lastName(path.slice(1, -1)) + quote)
    .replaceAll(BARE_PATH, lastName)
    .replaceAll(SECRET, '***');
  return reason.length > LONGEST_REASON ? `${reason.slice(0, LONGEST_REASON)}…` : reason;
}

function lastName(path: string): string {
  return /([^/]*)\/*$/.exec(path)?.[1] ?? '';
}
