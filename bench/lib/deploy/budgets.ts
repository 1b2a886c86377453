import type { ManyRow } from './many-hosts.ts';
import type { Command, Row } from './one-host.ts';

/** Something that the figures have to keep to. */
export interface Budget {
  readonly what: string;
  readonly limit: string;
  readonly measured: string;
  readonly isMet: boolean;
}

/** How much faster than the others a deploy is that finds nothing to do, both checking each file of a release. */
const FASTER = 10;
const ROLLBACK_MS = 2000;
/** How much longer many hosts may take than one. */
const LONGER = 3;

/**
 * Judges the figures, the worst over all distances.
 * @throws Error when figures are missing: what was not measured is not met.
 */
export function judge(rows: readonly Row[], manyRows: readonly ManyRow[]): Budget[] {
  const of = (tool: string, command: Command): Row[] =>
    measured(
      rows.filter((row) => row.tool === tool && row.command === command),
      `${command} of ${tool}`,
    );
  const noop = of('mlxfleet', 'noop');
  const connections = Math.max(...noop.map(({ figures }) => figures.connections));
  const sessions = Math.max(...noop.map(({ figures }) => figures.sessions));
  const rollbackMs = Math.max(...of('mlxfleet', 'rollback').map(({ figures }) => figures.medianMs));
  const faster = ['Ansible', 'pyinfra'].map((tool): Budget => {
    const ratio = Math.min(...ratios(noop, of(tool, 'noopFiles')));
    return {
      what: `deploy, nothing to do, beside ${tool} that checks file by file`,
      limit: `${String(FASTER)}x as fast`,
      measured: `${ratio.toFixed(2)}x`,
      isMet: ratio >= FASTER,
    };
  });
  const longer = (['deploy', 'status'] as const).map((command): Budget => {
    const ratio = Math.max(
      ...measured(
        manyRows.filter((row) => row.command === command),
        `${command} of many hosts`,
      ).map(({ one, many }) => many.medianMs / one.medianMs),
    );
    return {
      what: `${command} of 20 hosts`,
      limit: `< ${String(LONGER)}x the time of one`,
      measured: `${ratio.toFixed(2)}x`,
      isMet: ratio < LONGER,
    };
  });
  return [
    {
      what: 'deploy, nothing to do',
      limit: '1 connection, 1 session',
      measured: `${String(connections)}, ${String(sessions)}`,
      isMet: connections <= 1 && sessions <= 1,
    },
    ...faster,
    {
      what: 'rollback',
      limit: `< ${String(ROLLBACK_MS)} ms`,
      measured: `${String(rollbackMs)} ms`,
      isMet: rollbackMs < ROLLBACK_MS,
    },
    ...longer,
  ];
}

function measured<Item>(rows: readonly Item[], what: string): Item[] {
  if (rows.length === 0) throw new Error(`no figures: ${what}`);
  return [...rows];
}

/** How many times as long another's rows take as ours at the same distance. */
function ratios(ours: readonly Row[], others: readonly Row[]): number[] {
  return ours.flatMap(({ roundTripMs, figures }) =>
    others
      .filter((other) => other.roundTripMs === roundTripMs)
      .map((other) => other.figures.medianMs / figures.medianMs),
  );
}
