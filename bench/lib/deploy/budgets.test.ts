import { expect, test } from 'vitest';
import { judge } from './budgets.ts';
import type { RoundTripMs } from './distances.ts';
import type { ManyRow } from './many-hosts.ts';
import type { Figures } from './measured.ts';
import type { Command, Row } from './one-host.ts';

function figures(medianMs: number, sessions = 1): Figures {
  return { rounds: 5, medianMs, fastestMs: medianMs, slowestMs: medianMs, connections: 1, sessions };
}

function row(roundTripMs: RoundTripMs, tool: string, command: Command, of: Figures): Row {
  return { roundTripMs, tool, command, figures: of };
}

const met: Row[] = ([0, 50] as const).flatMap((roundTripMs) => [
  row(roundTripMs, 'mlxfleet', 'noop', figures(300)),
  row(roundTripMs, 'mlxfleet', 'rollback', figures(1999)),
  row(roundTripMs, 'Ansible', 'noopFiles', figures(3000, 99)),
  row(roundTripMs, 'pyinfra', 'noopFiles', figures(3001, 99)),
]);

const many = (manyMs: number): ManyRow[] =>
  (['deploy', 'status'] as const).map((command) => ({
    roundTripMs: 0,
    command,
    one: { ...figures(300), processorMs: 100 },
    many: { ...figures(manyMs), processorMs: 200 },
  }));

const failing = (rows: readonly Row[], manyRows: readonly ManyRow[]): string[] =>
  judge(rows, manyRows)
    .filter(({ isMet }) => !isMet)
    .map(({ what, measured }) => `${what}: ${measured}`);

test('figures within every budget', () => {
  expect(failing(met, many(899))).toEqual([]);
});

test('the worst distance counts', () => {
  const worse = [
    row(20, 'mlxfleet', 'noop', figures(300, 2)),
    row(20, 'mlxfleet', 'rollback', figures(2000)),
    row(20, 'pyinfra', 'noopFiles', figures(2990)),
  ];
  expect(failing([...met, ...worse], many(900))).toEqual([
    'deploy, nothing to do: 1, 2',
    'deploy, nothing to do, beside pyinfra that checks file by file: 9.97x',
    'rollback: 2000 ms',
    'deploy of 20 hosts: 3.00x',
    'status of 20 hosts: 3.00x',
  ]);
});

test('figures that are missing are no budget met', () => {
  expect(() => failing([], [])).toThrow('no figures: noop of mlxfleet');
  expect(() => failing(met, [])).toThrow('no figures: deploy of many hosts');
});
