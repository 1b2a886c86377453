import type { DiffLine } from './plan-section.ts';

/**
 * The lines of an indented text that change, each below those that it belongs to. A longest common subsequence: made for
 * configuration, of which the time is the product of both lengths.
 */
export function lineDiff(before: readonly string[], after: readonly string[]): DiffLine[] {
  const lengths = commonLengths(before, after);
  const lines: DiffLine[] = [];
  let [left, right] = [0, 0];
  while (left < before.length || right < after.length) {
    const [old, young] = [before[left], after[right]];
    if (old !== undefined && old === young) {
      lines.push({ sign: null, text: old });
      left += 1;
      right += 1;
    } else if (
      old !== undefined &&
      (young === undefined || lengthAt(lengths, left + 1, right) >= lengthAt(lengths, left, right + 1))
    ) {
      lines.push({ sign: '-', text: old });
      left += 1;
    } else {
      lines.push({ sign: '+', text: young ?? '' });
      right += 1;
    }
  }
  const isShown = new Set<number>();
  for (const [index, line] of lines.entries()) {
    if (line.sign !== null) for (const above of [index, ...ancestors(lines, index)]) isShown.add(above);
  }
  return lines.filter((_, index) => isShown.has(index));
}

function indent(text: string): number {
  return text.length - text.trimStart().length;
}

/** Unchanged lines above that are indented less, step by step. */
function ancestors(lines: readonly DiffLine[], index: number): number[] {
  const found: number[] = [];
  let depth = indent(lines[index]?.text ?? '');
  for (let above = index - 1; above >= 0 && depth > 0; above -= 1) {
    const line = lines[above];
    if (line === undefined || indent(line.text) >= depth) continue;
    depth = indent(line.text);
    if (line.sign === null) found.push(above);
  }
  return found;
}

type Lengths = readonly (readonly number[])[];

function lengthAt(lengths: Lengths, left: number, right: number): number {
  return lengths[left]?.[right] ?? 0;
}

/** Length of the longest common subsequence of what is left from each pair of lines on. */
function commonLengths(before: readonly string[], after: readonly string[]): Lengths {
  const lengths = Array.from({ length: before.length + 1 }, () =>
    Array.from({ length: after.length + 1 }, () => 0),
  );
  for (let left = before.length - 1; left >= 0; left -= 1) {
    const row = lengths[left] ?? [];
    for (let right = after.length - 1; right >= 0; right -= 1) {
      row[right] =
        before[left] === after[right]
          ? lengthAt(lengths, left + 1, right + 1) + 1
          : Math.max(lengthAt(lengths, left + 1, right), lengthAt(lengths, left, right + 1));
    }
  }
  return lengths;
}
