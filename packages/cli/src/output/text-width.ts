const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Scripts and symbols that take two cells; after Unicode's East Asian Width. */
const WIDE =
  /^[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\u9FFF\uA000-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|^\p{Emoji_Presentation}|^[\u{20000}-\u{3FFFD}]/u;

const ZERO = /^[\p{Mark}\u200B-\u200F\uFEFF]+$/u;

function graphemeWidth(grapheme: string): number {
  if (ZERO.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

/** Cells that a line of text takes in a terminal. The text holds no control characters. */
export function textWidth(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** The text cut to a width, with an ellipsis where something was cut. */
export function truncate(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (width <= 0) return '';
  let kept = '';
  let used = 1;
  for (const { segment } of graphemes.segment(text)) {
    const next = graphemeWidth(segment);
    if (used + next > width) break;
    kept += segment;
    used += next;
  }
  return `${kept}…`;
}

/** The text filled with spaces to a width. */
export function pad(text: string, width: number, side: 'left' | 'right' = 'left'): string {
  const filling = ' '.repeat(Math.max(0, width - textWidth(text)));
  return side === 'left' ? text + filling : filling + text;
}

/** The text broken between words into lines of at most a width; longer words are kept whole. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && textWidth(longer) > width) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
