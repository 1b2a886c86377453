import { textWidth, truncate } from './text-width.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Cells that the column may be narrowed to before another one is dropped; without it, it is never cut. */
  readonly minimum?: number;
}

export interface Row {
  readonly cells: readonly string[];
  /** Stands in place of every cell after these, over the rest of the line. */
  readonly remark?: string;
  /** Follows the remark where both fit the line. */
  readonly remarkTail?: string;
}

const GAP = 2;

function widthOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP * Math.max(0, widths.length - 1);
}

/**
 * Widths of the columns that fit into a line. The widest column that may be cut is cut first, then columns are
 * dropped from the right.
 */
function fitColumns(columns: readonly Column[], natural: readonly number[], available: number): number[] {
  let widths = [...natural];
  while (widths.length > 1) {
    const excess = widthOf(widths) - available;
    if (excess <= 0) return widths;
    const spare = widths.map((width, index) => Math.max(0, width - (columns[index]?.minimum ?? width)));
    if (spare.reduce((sum, cells) => sum + cells, 0) >= excess) {
      let left = excess;
      return widths.map((width, index) => {
        const cut = Math.min(left, spare[index] ?? 0);
        left -= cut;
        return width - cut;
      });
    }
    widths = widths.slice(0, -1);
  }
  return widths;
}

/** Paints a finished cell; `column` is its index. */
export type PaintCell = (text: string, column: number, row: Row | null) => string;

/** Lines of a table that fits `available` cells: a head, then one line a row. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly Row[],
  available: number,
  paint: PaintCell = (text) => text,
): string[] {
  const natural = columns.map((column, index) => {
    const cells = rows.map((row) => textWidth(row.cells[index] ?? ''));
    return Math.max(textWidth(column.title), ...cells);
  });
  const widths = fitColumns(columns, natural, available);

  const line = (row: Row | null): string => {
    const texts = row === null ? columns.map((column) => column.title) : row.cells;
    const shown = Math.min(widths.length, texts.length);
    const parts: string[] = [];
    let used = 0;
    for (let index = 0; index < shown; index += 1) {
      const width = widths[index] ?? 0;
      const text = truncate(texts[index] ?? '', width);
      const filling = ' '.repeat(width - textWidth(text));
      const painted = paint(text, index, row);
      parts.push(columns[index]?.align === 'right' ? filling + painted : painted + filling);
      used += width + GAP;
    }
    if (row?.remark !== undefined) {
      const room = Math.max(0, available - used);
      const long = `${row.remark}   ${row.remarkTail ?? ''}`.trimEnd();
      parts.push(textWidth(long) <= room ? long : truncate(row.remark, room));
    }
    return parts.join(' '.repeat(GAP)).trimEnd();
  };
  return [line(null), ...rows.map((row) => line(row))];
}

/** The same for a program that reads: a head and rows, tab-separated, nothing cut. */
export function tabSeparated(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [titles, ...rows].map((cells) => cells.join('\t'));
}
