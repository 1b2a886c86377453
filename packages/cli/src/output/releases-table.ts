import type { ReleasesDocument } from '@mlxfleet/protocol';
import type { Paint } from './colours.ts';
import { plainLine } from './plain-text.ts';
import { type Column, type Row, tableLines, tabSeparated } from './table.ts';

const COLUMNS: readonly Column[] = [
  { title: 'HOST' },
  { title: 'RELEASE' },
  { title: 'STATE' },
  { title: 'VERSION' },
  { title: 'CREATED' },
  { title: 'BY', minimum: 8 },
];

type Release = ReleasesDocument['hosts'][number]['releases'][number];

function stateOf(release: Release): string {
  return release.current ? `${release.state}, current` : release.state;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** A time as minutes in the person's own zone; the same text whatever the locale. */
function localMinutes(iso: string): string {
  const time = new Date(iso);

  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

/** `mlxfleet releases` in a terminal of so many columns. */
export function releasesLines(document: ReleasesDocument, columns: number, paint: Paint): string[] {
  const rows = document.hosts.flatMap(({ name, releases, error }): Row[] => {
    if (error !== null) return [{ cells: [name], remark: plainLine(error.message) }];
    if (releases.length === 0) return [{ cells: [name], remark: `none; try: mlxfleet deploy ${name}` }];
    return releases.map((release, index) => ({
      cells: [
        index === 0 ? name : '',
        plainLine(release.id),
        stateOf(release),
        plainLine(release.version ?? '-'),
        release.createdAt === null ? '-' : localMinutes(release.createdAt),
        plainLine(release.deployedBy ?? '-'),
      ],
    }));
  });
  return tableLines(COLUMNS, rows, columns, (text, column, row) => {
    if (row === null) return paint('dim', text);
    if (column !== 2) return text;
    if (text.startsWith('failed')) return paint('red', text);
    return text.endsWith('current') ? paint('green', text) : text;
  });
}

/** `mlxfleet releases` for a program: a line a release, and one for a host that has none or was not reached. */
export function releasesTabSeparated(document: ReleasesDocument): string[] {
  const rows = document.hosts.flatMap(({ name, releases, error }): string[][] => {
    if (releases.length === 0) {
      return [[name, '-', '-', '-', '-', '-', error === null ? '-' : plainLine(error.message)]];
    }
    return releases.map((release) => [
      name,
      plainLine(release.id),
      stateOf(release),
      plainLine(release.version ?? '-'),
      release.createdAt ?? '-',
      plainLine(release.deployedBy ?? '-'),
      '-',
    ]);
  });
  return tabSeparated([...COLUMNS.map(({ title }) => title), 'ERROR'], rows);
}
