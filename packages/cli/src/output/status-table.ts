import type { HostState, StatusDocument } from '@mlxfleet/protocol';
import type { Colour, Paint } from './colours.ts';
import { plainLine } from './plain-text.ts';
import { bar, formatMemory, shortModel, shortRelease } from './quantities.ts';
import { type Column, type Row, tableLines, tabSeparated } from './table.ts';
import { pad, textWidth, truncate, wrap } from './text-width.ts';

type HostStatus = StatusDocument['hosts'][number];

/** Below this many cells a table says too little; each host becomes a card of two lines. */
const NARROWEST_TABLE = 60;

const LOOKS: Readonly<Record<HostState, { glyph: string; colour: Colour }>> = {
  healthy: { glyph: '●', colour: 'green' },
  starting: { glyph: '◐', colour: 'yellow' },
  degraded: { glyph: '◑', colour: 'yellow' },
  stopped: { glyph: '○', colour: 'dim' },
  'not-installed': { glyph: '○', colour: 'dim' },
  unreachable: { glyph: '○', colour: 'red' },
};

const COLUMNS: readonly Column[] = [
  { title: 'HOST' },
  { title: 'STATE' },
  { title: 'RELEASE' },
  { title: 'MODEL', minimum: 16 },
  { title: 'RUN/WAIT', align: 'right' },
  { title: 'TOK/S', align: 'right' },
  { title: 'MEMORY' },
];

function stateText(host: HostStatus): string {
  return `${LOOKS[host.state].glyph} ${host.state}`;
}

function releaseText(host: HostStatus): string {
  if (host.release === null) return host.version ?? '-';
  const release = shortRelease(plainLine(host.release));
  return host.version === null ? release : `${release} (${plainLine(host.version)})`;
}

/** What a host serves, and then what it is about to or cannot. */
function shownModels({ models }: HostStatus): HostStatus['models'] {
  const shown = models.filter(({ state }) => state !== 'unloaded');
  return [
    ...shown.filter(({ state }) => state === 'ready'),
    ...shown.filter(({ state }) => state !== 'ready'),
  ];
}

function modelState({ state }: HostStatus['models'][number]): string {
  return state === 'ready' ? '' : ` (${state})`;
}

function modelText(host: HostStatus): string {
  const [first, ...others] = shownModels(host);
  if (first === undefined) return '-';
  const more = others.length === 0 ? '' : ` +${others.length}`;
  return `${shortModel(plainLine(first.id))}${modelState(first)}${more}`;
}

function requestsText(host: HostStatus): string {
  return host.requests === null ? '-' : `${host.requests.running}/${host.requests.waiting}`;
}

function speedText(host: HostStatus): string {
  return host.tokensPerSecond === null ? '-' : String(Math.round(host.tokensPerSecond));
}

function memoryText(host: HostStatus): string {
  return host.memory === null ? '-' : formatMemory(host.memory.usedBytes, host.memory.totalBytes);
}

function memoryBar(host: HostStatus): string {
  if (host.memory === null) return '-';
  return `${bar(host.memory.usedBytes / host.memory.totalBytes)} ${memoryText(host)}`;
}

/** Why there is nothing to show of a host, and what to do; null where the agent told of itself. */
function remarkOf(host: HostStatus): string | null {
  if (host.error !== null) return plainLine(host.error.message);
  if (host.state === 'not-installed') return `try: mlxfleet deploy ${host.name}`;
  if (host.state === 'stopped') return `try: mlxfleet start ${host.name}`;
  return null;
}

function tableRow(host: HostStatus): Row {
  const start = [host.name, stateText(host)];
  const remark = remarkOf(host);
  if (remark !== null && host.memory === null) {
    return { cells: start, remark, remarkTail: plainLine(host.error?.hint ?? '') };
  }
  return {
    cells: [
      ...start,
      releaseText(host),
      modelText(host),
      requestsText(host),
      speedText(host),
      memoryBar(host),
    ],
  };
}

/** Of the reason below the table, so many lines at most: it may repeat the log of a worker. */
const MOST_REASON_LINES = 4;

/** What is wrong with a host whose row shows what it serves instead; empty where the row says it. */
function reasonBelow({ error, memory }: HostStatus, room: number): string {
  if (error === null || memory === null) return '';
  const reason = truncate(plainLine(error.message), MOST_REASON_LINES * room);
  return /[.…]$/.test(reason) ? reason : `${reason}.`;
}

/** Below the table, what is wrong and what to do about it, where the row had no room for it. */
function hintLines(hosts: readonly HostStatus[], lines: readonly string[], columns: number): string[] {
  const width = Math.max(0, ...hosts.map((host) => textWidth(host.name)));
  return hosts.flatMap((host, index) => {
    const hint = plainLine(host.error?.hint ?? '');
    const room = columns - width - 2;
    const reason = reasonBelow(host, room);
    if (reason === '' && (hint === '' || lines[index + 1]?.endsWith(hint) === true)) return [];
    return wrap(`${reason} ${hint}`.trim(), room).map((line, part) => {
      const name = part === 0 ? host.name : '';
      return truncate(`${pad(name, width)}  ${line}`, columns);
    });
  });
}

function cards(hosts: readonly HostStatus[], columns: number, paint: Paint): string[] {
  const width = Math.max(0, ...hosts.map((host) => textWidth(host.name)));
  return hosts.flatMap((host) => {
    const { colour } = LOOKS[host.state];
    const room = columns - width - 2;
    const state = stateText(host);
    const release = truncate(releaseText(host), Math.max(0, room - textWidth(state) - 2));
    const name = truncate(pad(host.name, width), columns);
    const first = `${name}  ${paint(colour, truncate(state, Math.max(0, room)))}  ${host.release === null ? '' : release}`;
    const details =
      remarkOf(host) ??
      `${requestsText(host)}  ${speedText(host)} tok/s  ${memoryText(host)}  ${modelText(host)}`;
    return [first.trimEnd(), `${' '.repeat(width)}  ${truncate(details, Math.max(0, room))}`.trimEnd()];
  });
}

/** `mlxfleet status` in a terminal of so many columns. */
export function statusLines(document: StatusDocument, columns: number, paint: Paint): string[] {
  const { hosts } = document;
  if (columns < NARROWEST_TABLE) return cards(hosts, columns, paint);
  const rows = new Map(hosts.map((host) => [tableRow(host), host]));
  const lines = tableLines(COLUMNS, [...rows.keys()], columns, (text, column, row) => {
    if (row === null) return paint('dim', text);
    const host = rows.get(row);
    return column === 1 && host !== undefined ? paint(LOOKS[host.state].colour, text) : text;
  });
  const hints = hintLines(hosts, lines, columns);
  return hints.length === 0 ? lines : [...lines, '', ...hints];
}

/** `mlxfleet status` for a program: tab-separated, every value in full. */
export function statusTabSeparated(document: StatusDocument): string[] {
  return tabSeparated(
    [...COLUMNS.map((column) => column.title), 'ERROR'],
    document.hosts.map((host) => [
      host.name,
      host.state,
      plainLine(host.release ?? '-'),
      shownModels(host)
        .map((model) => `${plainLine(model.id)}${modelState(model)}`)
        .join(',') || '-',
      requestsText(host),
      speedText(host),
      host.memory === null ? '-' : `${host.memory.usedBytes}/${host.memory.totalBytes}`,
      host.error === null ? '-' : plainLine(host.error.message),
    ]),
  );
}
