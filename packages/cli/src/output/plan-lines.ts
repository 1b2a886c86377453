import type { ProgressEvent } from '@mlxfleet/protocol';
import type { DiffLine, DiffSign, PlanSection, SectionName } from '../phases/diff/plan-section.ts';
import type { Colour, Paint } from './colours.ts';
import { plainLine, plainText } from './plain-text.ts';
import { wrap } from './text-width.ts';

const TITLES: Readonly<Record<SectionName, string>> = {
  release: 'release',
  environments: 'environments and programs',
  configuration: 'configuration',
  models: 'models',
  service: 'service',
  removal: 'removed once it serves',
  room: 'room',
  hooks: 'hooks',
};

const COLOURS: Readonly<Record<DiffSign, Colour>> = { '+': 'green', '-': 'red', '~': 'yellow' };

/** Of each list; the others are counted. */
const MOST_LINES = 20;

/** What a dry run found on a host, as a diff. Empty when nothing would change. */
export function planLines(
  host: string,
  sections: readonly PlanSection[],
  columns: number,
  paint: Paint,
): string[] {
  if (sections.length === 0) return [];
  const lines = sections.flatMap(({ name, entries }) => [
    `  ${paint('bold', TITLES[name])}`,
    ...shortened(entries).flatMap((entry) => {
      const details = shortened('details' in entry ? entry.details : []);
      return signed(entry, 4, columns, paint).concat(
        details.flatMap((line) => signed(line, 6, columns, paint)),
      );
    }),
  ]);
  return ['', paint('bold', host), ...lines];
}

/** The same as events. */
export function planEvents(
  host: string,
  sections: readonly PlanSection[],
): Omit<Extract<ProgressEvent, { event: 'plan' }>, 'time'>[] {
  return sections.flatMap(({ name, entries }) =>
    entries.map(({ sign, text, details }) => ({
      event: 'plan' as const,
      host,
      section: name,
      sign,
      text: plainLine(text),
      details: details.map((line) => ({ sign: line.sign, text: plainText(line.text).replaceAll('\n', ' ') })),
    })),
  );
}

function shortened<Line extends DiffLine>(lines: readonly Line[]): (Line | DiffLine)[] {
  if (lines.length <= MOST_LINES + 1) return [...lines];
  const text = `and ${String(lines.length - MOST_LINES)} more`;
  return [...lines.slice(0, MOST_LINES), { sign: null, text }];
}

/** A line behind its sign, broken at the width and indented as it was. */
function signed({ sign, text }: DiffLine, indent: number, columns: number, paint: Paint): string[] {
  const plain = plainText(text)
    .replaceAll(/[\n\t]+/g, ' ')
    .trimEnd();
  const content = plain.trimStart();
  const inner = ' '.repeat(indent + 2 + plain.length - content.length);
  return wrap(content, columns - inner.length - 2).map((part, index) => {
    if (index > 0) return `${inner}  ${part}`;
    if (sign === null) return inner + part;
    return paint(COLOURS[sign], `${' '.repeat(indent)}${sign}${inner.slice(indent + 1)}${part}`);
  });
}
