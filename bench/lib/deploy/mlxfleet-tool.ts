import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { findPython } from '../../../scripts/lib/python.ts';
import { sharedPath } from '../../../test/e2e/fleet/boot-script.ts';
import type { Fleet } from '../../../test/e2e/fleet/fleet.ts';
import type { ToolResult } from '../../../test/e2e/fleet/run-tool.ts';
import type { Build } from './build.ts';
import type { Distances, RoundTripMs } from './distances.ts';
import { COMMAND_TIMEOUT_MS, type DeployTool } from './tool.ts';

/** The built command line of mlxfleet, run by the fleet's operator. No host has a model. */
export class MlxfleetTool implements DeployTool {
  readonly name = 'mlxfleet';
  readonly forms = ['archive'] as const;
  readonly host: string;
  readonly #fleet: Fleet;
  readonly #distances: Distances;

  constructor(fleet: Fleet, distances: Distances, host: string) {
    this.#fleet = fleet;
    this.#distances = distances;
    this.host = host;
  }

  deploy(build: Build, roundTripMs: RoundTripMs): Promise<ToolResult> {
    return this.run(build, roundTripMs, ['deploy', this.host]);
  }

  rollback(build: Build, roundTripMs: RoundTripMs): Promise<ToolResult> {
    return this.run(build, roundTripMs, ['rollback', this.host]);
  }

  async rest(): Promise<void> {
    // Nothing is kept.
  }

  /** Runs `mlxfleet -i <inventory of that distance> …`. */
  async run(
    build: Pick<Build, 'cliBundle'>,
    roundTripMs: RoundTripMs,
    argv: readonly string[],
  ): Promise<ToolResult> {
    const words = await this.#words(build, roundTripMs, argv);
    return await this.#fleet.operator.run(process.execPath, words, { timeoutMs: COMMAND_TIMEOUT_MS });
  }

  /** The same, and the processor time of the command line with every program that it starts here. */
  async runTimed(
    build: Pick<Build, 'cliBundle'>,
    roundTripMs: RoundTripMs,
    argv: readonly string[],
  ): Promise<{ readonly result: ToolResult; readonly processorMs: number }> {
    const words = await this.#words(build, roundTripMs, argv);
    const shell = ['-c', '"$@"; code=$?; times >&2; exit "$code"', 'sh', process.execPath, ...words];
    const options = { timeoutMs: COMMAND_TIMEOUT_MS };
    const result = await this.#fleet.operator.run('/bin/sh', shell, options);
    return { result, processorMs: childrenMs(result.stderr) };
  }

  async #words(
    { cliBundle }: Pick<Build, 'cliBundle'>,
    roundTripMs: RoundTripMs,
    argv: readonly string[],
  ): Promise<string[]> {
    return [cliBundle, '-i', await this.#inventory(roundTripMs), ...argv];
  }

  async #inventory(roundTripMs: RoundTripMs): Promise<string> {
    const identity = this.#fleet.operator.identity;
    const hosts = this.#fleet.hosts.map(({ name }) => [
      name,
      { ...this.#distances.endpoint(name, roundTripMs), user: 'root', identity },
    ]);
    const inventory = {
      version: 1,
      hosts: Object.fromEntries(hosts),
      // The wheels are of this machine's Python.
      python: { find_links: sharedPath('wheels'), version: (await findPython()).version },
      rollout: { max_parallel: 20 },
    };
    const file = path.join(this.#fleet.folder, 'mlxfleet', `${String(roundTripMs)}.yaml`);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, stringify(inventory));
    return file;
  }
}

/** The second line of the shell's `times`: user and system time of what it has waited for, such as `0m0.24s 0m0.08s`. */
function childrenMs(text: string): number {
  const last = text.trimEnd().split('\n').at(-1) ?? '';
  const times = [...last.matchAll(/(\d+)m([\d.]+)s/g)];
  if (times.length !== 2) throw new Error(`not what the shell's times prints: ${last}`);
  return times.reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1000,
    0,
  );
}
