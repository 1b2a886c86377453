/**
 * What a no-op deploy, a rollback and a status of three hosts cost: wall time of the whole command line, and what each
 * host's sshd counted. Beside them, in the same run, one plain `ssh HOST true`: what a single connection costs here.
 */
import path from 'node:path';
import { CheckoutCopy } from '../test/e2e/deploy/checkout-copy.ts';
import { FleetCli } from '../test/e2e/deploy/fleet-cli.ts';
import { canHostFleet } from '../test/e2e/fleet/obstacle.ts';
import type { SshdCounts } from '../test/e2e/fleet/sshd-log.ts';
import { publish } from './lib/report.ts';
import { median } from './lib/statistics.ts';

const ROUNDS = 7;

interface Figures {
  readonly name: string;
  readonly medianMs: number;
  readonly fastestMs: number;
  readonly slowestMs: number;
  /** The most that the sshd of `air` counted in one round. */
  readonly connections: number;
  readonly sessions: number;
}

interface Measured {
  readonly ms: number;
  readonly counts: SshdCounts;
}

const obstacle = await canHostFleet();
if (obstacle !== null) {
  console.log(`Not measured: ${obstacle}`);
  process.exit(0);
}

const cli = await FleetCli.create(['studio', 'air', 'mini']);
const air = cli.fleet.host('air');

async function measure(
  action: () => Promise<{ readonly exitCode: number | null }>,
  exitCode = 0,
): Promise<Measured> {
  let ms = 0;
  const counts = await air.countSshdDuring(async () => {
    const start = performance.now();
    const result = await action();
    ms = performance.now() - start;
    if (result.exitCode !== exitCode)
      throw new Error(`exit code ${String(result.exitCode)}, not ${String(exitCode)}`);
  });
  return { ms, counts };
}

function summarize(name: string, rounds: readonly Measured[]): Figures {
  const times = rounds.map(({ ms }) => ms);
  return {
    name,
    medianMs: Math.round(median(times)),
    fastestMs: Math.round(Math.min(...times)),
    slowestMs: Math.round(Math.max(...times)),
    connections: Math.max(...rounds.map(({ counts }) => counts.connections)),
    sessions: Math.max(...rounds.map(({ counts }) => counts.sessions)),
  };
}

const figures: Figures[] = [];
try {
  await cli.placeModels();
  const later = await (await CheckoutCopy.create(path.join(cli.fleet.folder, 'later'))).changeWorker('later');
  if ((await cli.deploy()).exitCode !== 0 || (await cli.deploy(['air'], later.cliBundle)).exitCode !== 0) {
    throw new Error('the deploys before the measurement failed');
  }
  const [releases] = (await cli.releases(['air'])).hosts;
  const ids = releases?.releases.map(({ id }) => id).toSorted() ?? [];
  const plain: Measured[] = [];
  const noop: Measured[] = [];
  const rollback: Measured[] = [];
  const status: Measured[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    // In turn to the first release and to the later one, whose own command line finds nothing to do.
    const target = ids[round % 2] ?? '';
    const bundle = round % 2 === 0 ? later.cliBundle : undefined;
    plain.push(await measure(() => cli.fleet.operator.run('ssh', ['-o', 'BatchMode=yes', 'air', 'true'])));
    noop.push(await measure(() => cli.run(['deploy', 'air'], bundle)));
    rollback.push(await measure(() => cli.run(['rollback', 'air', '--to', target])));
    status.push(await measure(() => cli.run(['status'])));
  }
  figures.push(
    summarize('ssh air true', plain),
    summarize('deploy air, nothing to do', noop),
    summarize('rollback air, health-gated by a completion', rollback),
    summarize('status, three hosts', status),
  );
  await cli.fleet.host('mini').partition();
  const dead: Measured[] = [];
  for (let round = 0; round < 3; round += 1) dead.push(await measure(() => cli.run(['status']), 1));
  figures.push(summarize('status, three hosts, one cut off', dead));
} finally {
  await cli.fleet.destroy();
}

console.log(`Deploy commands against hosts in network namespaces, medians of ${String(ROUNDS)} rounds`);
await publish('deploy', { rounds: ROUNDS, commands: figures }, [
  {
    title: '',
    heading: ['command', 'median ms', 'fastest', 'slowest', 'ssh connections', 'sessions'],
    rows: figures.map((row) => [
      row.name,
      String(row.medianMs),
      String(row.fastestMs),
      String(row.slowestMs),
      String(row.connections),
      String(row.sessions),
    ]),
  },
]);
