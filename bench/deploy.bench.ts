/**
 * What deploys cost, beside Ansible and pyinfra doing the same file operations in the same run: wall time of the whole
 * command line, and what the host's sshd counted, with round trips of 0, 20 and 50 ms. Then 20 hosts against one.
 * Fails when a budget is not met. MLXFLEET_BENCH_ROUNDS is for trying it out.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { canHostFleet } from '../test/e2e/fleet/obstacle.ts';
import { judge } from './lib/deploy/budgets.ts';
import { MANY, measureManyHosts } from './lib/deploy/many-hosts.ts';
import { COMMAND_NAMES, measureOneHost } from './lib/deploy/one-host.ts';
import { publish } from './lib/report.ts';

const ROUNDS = Number(process.env['MLXFLEET_BENCH_ROUNDS'] ?? 5);

const obstacle = await canHostFleet();
if (obstacle !== null) {
  console.log(`Not measured: ${obstacle}`);
  process.exit(0);
}

// The archives for the other tools are packed in this process, and not where mlxfleet would find them.
const cache = await mkdtemp(path.join(os.tmpdir(), 'mlxfleet-bench-'));
process.env['XDG_CACHE_HOME'] = cache;
try {
  const rows = await measureOneHost(ROUNDS);
  const manyRows = await measureManyHosts(ROUNDS);
  const budgets = judge(rows, manyRows);
  const mlxfleetMs = (roundTripMs: number, command: string): number =>
    rows.find((row) => row.tool === 'mlxfleet' && row.roundTripMs === roundTripMs && row.command === command)
      ?.figures.medianMs ?? Number.NaN;
  await publish('deploy', { rounds: ROUNDS, oneHost: rows, manyHosts: manyRows, budgets }, [
    {
      title: `one host, medians of ${String(ROUNDS)} rounds; file by file one round`,
      heading: ['RTT ms', 'command', 'tool', 'ms', 'mlxfleet is', 'connections', 'sessions'],
      rows: rows.map(({ roundTripMs, command, tool, figures }) => [
        String(roundTripMs),
        COMMAND_NAMES[command],
        tool,
        String(figures.medianMs),
        tool === 'mlxfleet' || command === 'connect'
          ? ''
          : `${(figures.medianMs / mlxfleetMs(roundTripMs, command === 'noopFiles' ? 'noop' : command)).toFixed(1)}x as fast`,
        String(figures.connections),
        String(figures.sessions),
      ]),
    },
    {
      title: `mlxfleet with ${String(MANY)} hosts at once and with one of them, medians of ${String(ROUNDS)} rounds`,
      heading: [
        'RTT ms',
        'command',
        'one host, ms',
        `${String(MANY)} hosts, ms`,
        'ratio',
        'its CPU ms, one',
        `its CPU ms, ${String(MANY)}`,
        'sessions a host',
      ],
      rows: manyRows.map(({ roundTripMs, command, one, many }) => [
        String(roundTripMs),
        command === 'deploy' ? COMMAND_NAMES.noop : command,
        String(one.medianMs),
        String(many.medianMs),
        (many.medianMs / one.medianMs).toFixed(1),
        String(one.processorMs),
        String(many.processorMs),
        String(many.sessions),
      ]),
    },
    {
      title: 'budgets, the worst over all round-trip times',
      heading: ['what', 'budget', 'measured', 'met'],
      rows: budgets.map(({ what, limit, measured, isMet }) => [what, limit, measured, isMet ? 'yes' : 'no']),
    },
  ]);
  for (const { what, limit, measured, isMet } of budgets) {
    if (isMet) continue;
    console.error(`Budget not met: ${what}: ${measured}, and not ${limit}.`);
    process.exitCode = 1;
  }
} finally {
  await rm(cache, { recursive: true, force: true });
}
