import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  DEFAULTS,
  type DeployDocument,
  deployDocumentSchema,
  type ReleasesDocument,
  releasesDocumentSchema,
  type StatusDocument,
  statusDocumentSchema,
} from '@mlxfleet/protocol';
import OpenAI from 'openai';
import { stringify } from 'yaml';
import { ensureTinyText } from '../../../scripts/lib/models.ts';
import { cliBundle } from '../../../scripts/lib/paths.ts';
import { findPython } from '../../../scripts/lib/python.ts';
import { ensureWheelhouse } from '../../../scripts/lib/wheelhouse.ts';
import { sharedPath } from '../fleet/boot-script.ts';
import { Fleet, type FleetOptions } from '../fleet/fleet.ts';
import type { ToolResult } from '../fleet/run-tool.ts';

/** The tiny model's id on every host. */
export const MODEL = 'tiny-text';

export interface Interrupted {
  readonly exitCode: number | null;
  readonly output: string;
}

/** The real command line, run by the operator of a real fleet. */
export class FleetCli {
  readonly fleet: Fleet;
  readonly inventory: string;

  private constructor(fleet: Fleet) {
    this.fleet = fleet;
    this.inventory = path.join(fleet.folder, 'inventory.yaml');
  }

  /** A fleet whose hosts reach no package index but have a folder of wheels. */
  static async create(hosts: FleetOptions['hosts']): Promise<FleetCli> {
    const wheels = await ensureWheelhouse();
    await ensureTinyText();
    const cli = new FleetCli(await Fleet.create({ hosts, shared: { wheels } }));
    await cli.writeInventory({});
    return cli;
  }

  async writeInventory(changes: Readonly<Record<string, unknown>>): Promise<void> {
    const inventory = {
      version: 1,
      defaults: { api: { bind: '0.0.0.0', anonymous: true } },
      hosts: this.fleet.inventoryHosts(),
      models: [{ id: MODEL }],
      // The wheels are of this machine's Python.
      python: { find_links: sharedPath('wheels'), version: (await findPython()).version },
      smoke_test: { model: MODEL },
      ...changes,
    };
    await writeFile(this.inventory, stringify(inventory));
  }

  async placeModels(): Promise<void> {
    const folder = await ensureTinyText();
    for (const host of this.fleet.hosts) await host.placeModel(folder);
  }

  /** Runs `mlxfleet -i <inventory> …`; `bundle` is another version of the command line. */
  async run(argv: readonly string[], bundle = cliBundle): Promise<ToolResult> {
    return await this.fleet.operator.run(process.execPath, [bundle, '-i', this.inventory, ...argv], {
      timeoutMs: 280_000,
    });
  }

  /** Runs a command and sends it SIGINT as soon as the journal of the host ends with a line that matches. */
  async interrupt(
    argv: readonly string[],
    host: string,
    journalLine: RegExp,
    bundle = cliBundle,
  ): Promise<Interrupted> {
    const command = this.fleet.operator.command(process.execPath, [bundle, '-i', this.inventory, ...argv]);
    const child = spawn(command.file, command.argv, { env: command.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const closed = once(child, 'close');
    while (child.exitCode === null) {
      const { stdout } = await this.fleet
        .host(host)
        .exec('tail -n 1 .mlxfleet/deploy/journal 2>/dev/null; :');
      if (journalLine.test(stdout)) {
        child.kill('SIGINT');
        break;
      }
    }
    await closed;
    return { exitCode: child.exitCode, output };
  }

  async deploy(
    argv: readonly string[] = [],
    bundle = cliBundle,
  ): Promise<DeployDocument & { exitCode: number | null }> {
    return await this.#deployDocument(['--json', 'deploy', ...argv], bundle);
  }

  async rollback(argv: readonly string[] = []): Promise<DeployDocument & { exitCode: number | null }> {
    return await this.#deployDocument(['--json', 'rollback', ...argv], cliBundle);
  }

  async status(argv: readonly string[] = []): Promise<StatusDocument & { exitCode: number | null }> {
    const result = await this.run(['--json', 'status', ...argv]);
    return { ...parseDocument(result, statusDocumentSchema), exitCode: result.exitCode };
  }

  async releases(argv: readonly string[] = []): Promise<ReleasesDocument> {
    return parseDocument(await this.run(['--json', 'releases', ...argv]), releasesDocumentSchema);
  }

  /** The official client, pointed at a host's API over the network. */
  client(host: string): OpenAI {
    const baseURL = `http://${this.fleet.host(host).address}:${DEFAULTS.apiPort}/v1`;
    return new OpenAI({ baseURL, apiKey: 'any', maxRetries: 0, timeout: 60_000 });
  }

  /** Completion tokens of a short chat with a host. */
  async complete(host: string): Promise<number> {
    const completion = await this.client(host).chat.completions.create({
      model: MODEL,
      messages: [{ role: 'user', content: 'hello' }],
      max_tokens: 8,
    });
    return completion.usage?.completion_tokens ?? 0;
  }

  async #deployDocument(
    argv: readonly string[],
    bundle: string,
  ): Promise<DeployDocument & { exitCode: number | null }> {
    const result = await this.run(argv, bundle);
    return { ...parseDocument(result, deployDocumentSchema), exitCode: result.exitCode };
  }
}

function parseDocument<T>(result: ToolResult, schema: { parse: (value: unknown) => T }): T {
  try {
    return schema.parse(JSON.parse(result.stdout));
  } catch (error) {
    throw new Error(`not the document expected:\n${result.stdout}\n${result.stderr}`, { cause: error });
  }
}
