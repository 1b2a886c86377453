import path from 'node:path';
import { say } from '../../../scripts/lib/progress.ts';
import type { Fleet } from '../../../test/e2e/fleet/fleet.ts';
import type { ToolResult } from '../../../test/e2e/fleet/run-tool.ts';
import { AnsibleTool } from './ansible-tool.ts';
import { type Build, makeBuild } from './build.ts';
import { type Distances, ROUND_TRIPS_MS, type RoundTripMs } from './distances.ts';
import { type Figures, measure, type Measured, mustSucceed, summarize } from './measured.ts';
import { MlxfleetTool } from './mlxfleet-tool.ts';
import { handOver, type HostFiles, releaseLinks } from './other-host.ts';
import { PyinfraTool } from './pyinfra-tool.ts';
import type { DeployTool } from './tool.ts';
import { ensureToolsEnvironment } from './tools-environment.ts';
import { withFleet } from './with-fleet.ts';

/** What is measured of a tool, in the order of the tables. */
const COMMANDS = ['connect', 'noop', 'noopFiles', 'change', 'rollback'] as const;

export type Command = (typeof COMMANDS)[number];

/** What the tables call them. */
export const COMMAND_NAMES: Readonly<Record<Command, string>> = {
  connect: 'ssh HOST true',
  noop: 'deploy, nothing to do',
  noopFiles: 'the same, file by file',
  change: 'deploy of changed code',
  rollback: 'rollback',
};

export interface Row {
  readonly roundTripMs: RoundTripMs;
  readonly command: Command;
  readonly tool: string;
  readonly figures: Figures;
}

/** Checking file by file takes others minutes, and hundreds of sessions: one round tells enough. */
const FILES_ROUNDS = 1;

/**
 * Measures the commands of mlxfleet, Ansible and pyinfra, each against a host of its own, at each distance. In a round
 * every tool takes its turn; each round deploys a build that no host has seen.
 */
export async function measureOneHost(rounds: number): Promise<Row[]> {
  return withFleet(['ours', 'ansible', 'pyinfra'], async (fleet, distances) =>
    measureFleet(fleet, distances, rounds),
  );
}

interface Sample {
  readonly roundTripMs: RoundTripMs;
  readonly command: Command;
  readonly tool: string;
  readonly measured: Measured;
}

async function measureFleet(fleet: Fleet, distances: Distances, rounds: number): Promise<Row[]> {
  const { tools, links, first } = await prepare(fleet, distances);
  const samples: Sample[] = [];
  let build = first;
  for (const roundTripMs of ROUND_TRIPS_MS) {
    for (let round = 0; round < rounds; round += 1) {
      const before = build;
      const name = `build-${String(roundTripMs)}-${String(round)}`;
      build = await makeBuild(path.join(fleet.folder, name), name, links);
      const measured = await measure(fleet.host(OURS), () => connect(fleet, distances, roundTripMs));
      samples.push({ roundTripMs, command: 'connect', tool: 'OpenSSH', measured });
      for (const tool of rotate(tools, round)) {
        const actions = listActions(tool, build, before, roundTripMs, round < FILES_ROUNDS);
        for (const { command, action } of actions) {
          samples.push({
            roundTripMs,
            command,
            tool: tool.name,
            measured: await measure(fleet.host(tool.host), action),
          });
          await tool.rest();
        }
      }
      say(`One host, ${String(roundTripMs)} ms: round ${String(round + 1)} of ${String(rounds)} measured`);
    }
  }
  return summarizeSamples(samples, ['OpenSSH', ...tools.map(({ name }) => name)]);
}

const OURS = 'ours';

interface Prepared {
  readonly tools: readonly DeployTool[];
  /** See `releaseLinks`. */
  readonly links: Readonly<Record<string, string>>;
  /** What each tool has deployed to its host. */
  readonly first: Build;
}

/** mlxfleet sets all hosts up, with Node and the worker's environment; then the other tools take theirs over. */
async function prepare(fleet: Fleet, distances: Distances): Promise<Prepared> {
  const bin = await ensureToolsEnvironment();
  const mlxfleet = new MlxfleetTool(fleet, distances, OURS);
  const setUp = await makeBuild(path.join(fleet.folder, 'set-up'), 'set-up', {});
  await mustSucceed(mlxfleet.run(setUp, 0, ['deploy']));
  await mustSucceed(mlxfleet.run(setUp, 0, ['stop', 'ansible', 'pyinfra']));
  const links = await releaseLinks(fleet.host(OURS));
  const filesOf = (name: string): Promise<HostFiles> =>
    handOver(fleet.host(name), path.join(fleet.folder, `files-${name}`));
  const tools = [
    mlxfleet,
    new AnsibleTool(fleet, distances, bin, await filesOf('ansible')),
    new PyinfraTool(fleet, distances, bin, await filesOf('pyinfra')),
  ];
  const first = await makeBuild(path.join(fleet.folder, 'first'), 'first', links);
  for (const tool of tools) await mustSucceed(tool.deploy(first, 0, 'archive'));
  return { tools, links, first };
}

interface Action {
  readonly command: Command;
  readonly action: () => Promise<ToolResult>;
}

/** What a tool does in a round, in this order: at its end the host serves `before` again. */
function listActions(
  tool: DeployTool,
  build: Build,
  before: Build,
  roundTripMs: RoundTripMs,
  alsoFiles: boolean,
): Action[] {
  const files: Action = { command: 'noopFiles', action: () => tool.deploy(build, roundTripMs, 'files') };
  return [
    { command: 'change', action: () => tool.deploy(build, roundTripMs, 'archive') },
    { command: 'noop', action: () => tool.deploy(build, roundTripMs, 'archive') },
    ...(alsoFiles && tool.forms.includes('files') ? [files] : []),
    { command: 'rollback', action: () => tool.rollback(before, roundTripMs) },
  ];
}

/** One plain connection, as a reference. */
function connect(fleet: Fleet, distances: Distances, roundTripMs: RoundTripMs): Promise<ToolResult> {
  const { address, port } = distances.endpoint(OURS, roundTripMs);
  const options = ['-o', 'BatchMode=yes', '-i', fleet.operator.identity, '-p', String(port)];
  return fleet.operator.run('ssh', [...options, `root@${address}`, 'true']);
}

function summarizeSamples(samples: readonly Sample[], tools: readonly string[]): Row[] {
  return ROUND_TRIPS_MS.flatMap((roundTripMs) =>
    COMMANDS.flatMap((command) =>
      tools.flatMap((tool) => {
        const rounds = samples
          .filter((sample) => sample.roundTripMs === roundTripMs)
          .filter((sample) => sample.command === command && sample.tool === tool)
          .map(({ measured }) => measured);
        return rounds.length === 0 ? [] : [{ roundTripMs, command, tool, figures: summarize(rounds) }];
      }),
    ),
  );
}

/** The same in another order in each round, so that none always comes after the same one. */
function rotate<Item>(items: readonly Item[], by: number): Item[] {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
