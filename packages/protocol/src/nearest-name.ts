/** Damerau-Levenshtein distance (optimal string alignment): a swap of neighbours counts as one edit. */
function editDistance(left: string, right: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const substitution = left[row - 1] === right[column - 1] ? 0 : 1;
      let best = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + substitution,
      );
      if (left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]) {
        best = Math.min(best, (beforePrevious[column - 2] ?? 0) + 1);
      }
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[right.length] ?? 0;
}

/** Longer words are never names here, and comparing them would take long. */
const LONGEST_WORD = 200;

function fold(word: string): string {
  return word.toLowerCase().replaceAll('-', '_');
}

/**
 * The candidate that a person most likely meant, or null when nothing is near. Case and dash against underscore do
 * not count; a word may be off by a third of its letters, and a part that both begin with is enough.
 */
export function nearestName(word: string, candidates: Iterable<string>): string | null {
  if (word.length > LONGEST_WORD || word === '') return null;
  const wanted = fold(word);
  let best: string | null = null;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const folded = fold(candidate);
    const shared = Math.min(folded.length, wanted.length);
    const allowed = Math.max(1, Math.floor(Math.max(folded.length, wanted.length) / 3));
    const isPrefix = shared >= 3 && (folded.startsWith(wanted) || wanted.startsWith(folded));
    const distance = isPrefix ? Math.min(1, allowed) : editDistance(wanted, folded);
    if (distance <= allowed && distance < bestDistance && distance < folded.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
