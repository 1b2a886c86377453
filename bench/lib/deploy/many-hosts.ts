import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Fleet } from '../../../test/e2e/fleet/fleet.ts';
import { mustRun } from '../../../test/e2e/fleet/run-tool.ts';
import { type Build, makeBuild } from './build.ts';
import { type Distances, ROUND_TRIPS_MS, type RoundTripMs } from './distances.ts';
import { type Figures, measure, type Measured, mustSucceed, summarize } from './measured.ts';
import { median } from '../statistics.ts';
import { MlxfleetTool } from './mlxfleet-tool.ts';
import { withFleet } from './with-fleet.ts';

export const MANY = 20;

/** mlxfleet alone with one host and with many. */
export interface ManyRow {
  readonly roundTripMs: RoundTripMs;
  readonly command: 'deploy' | 'status';
  readonly one: ManyFigures;
  readonly many: ManyFigures;
}

interface ManyFigures extends Figures {
  /** Median of the processor time of the command line alone, hosts left out. */
  readonly processorMs: number;
}

interface Timed extends Measured {
  readonly processorMs: number;
}

/**
 * Measures a deploy that finds nothing to do, and a status, of one host and of many at once, in turn. All hosts, their
 * sshd and their agents share this machine's cores with the command line.
 */
export async function measureManyHosts(rounds: number): Promise<ManyRow[]> {
  const hosts = Array.from({ length: MANY }, (_, index) => `host${String(index + 1).padStart(2, '0')}`);
  return withFleet(hosts, async (fleet, distances) => measureFleet(fleet, distances, rounds));
}

async function measureFleet(fleet: Fleet, distances: Distances, rounds: number): Promise<ManyRow[]> {
  const [one] = fleet.hosts;
  if (one === undefined) throw new Error('the fleet has no host');
  const mlxfleet = new MlxfleetTool(fleet, distances, one.name);
  const build = await makeBuild(path.join(fleet.folder, 'build'), 'build', {});
  await prepare(fleet, mlxfleet, build);
  const rows: ManyRow[] = [];
  for (const roundTripMs of ROUND_TRIPS_MS) {
    const samples = {
      deploy: { one: new Array<Timed>(), many: new Array<Timed>() },
      status: { one: new Array<Timed>(), many: new Array<Timed>() },
    };
    for (let round = 0; round < rounds; round += 1) {
      for (const command of ['deploy', 'status'] as const) {
        const time = async (...names: string[]): Promise<Timed> => {
          let processorMs = 0;
          const measured = await measure(one, async () => {
            const timed = await mlxfleet.runTimed(build, roundTripMs, [command, ...names]);
            ({ processorMs } = timed);
            return timed.result;
          });
          return { ...measured, processorMs };
        };
        samples[command].one.push(await time(one.name));
        samples[command].many.push(await time());
      }
    }
    for (const command of ['deploy', 'status'] as const) {
      const { one: alone, many } = samples[command];
      rows.push({ roundTripMs, command, one: summarizeTimed(alone), many: summarizeTimed(many) });
    }
  }
  return rows;
}

function summarizeTimed(rounds: readonly Timed[]): ManyFigures {
  const processorMs = Math.round(median(rounds.map((round) => round.processorMs)));
  return { ...summarize(rounds), processorMs };
}

/** Deploys to the first host, gives the others the same files, which takes next to no room, and starts them all. */
async function prepare(fleet: Fleet, mlxfleet: MlxfleetTool, build: Build): Promise<void> {
  const [one, ...others] = fleet.hosts;
  if (one === undefined) return;
  await mustSucceed(mlxfleet.run(build, 0, ['deploy', one.name]));
  for (const other of others) {
    await mkdir(other.root, { mode: 0o700 });
    for (const part of ['envs', 'runtime', 'releases', 'deploy']) {
      await mustRun('cp', ['-al', path.join(one.root, part), path.join(other.root, part)]);
    }
    await mustRun('cp', ['-a', path.join(one.root, 'current'), path.join(other.root, 'current')]);
  }
  await mustSucceed(mlxfleet.run(build, 0, ['deploy']));
}
