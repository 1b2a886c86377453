import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CodedError } from '@mlxfleet/protocol';
import { type Agent, startAgent } from './agent.ts';
import { readConfig } from './config/read-config.ts';
import { PROCESS_ERRORS } from './errors.ts';
import { findRelease, type Release } from './lifecycle/release.ts';
import { createLog } from './logs/log.ts';
import { VERSION } from './version.ts';

const HELP = `mlxfleet agent ${VERSION}: serves the models of this host

  agent.mjs serve --root DIR [options]

  --root DIR            folder that holds shared/, run/ and logs/
  --worker-python FILE  interpreter of the worker; default: envs/text/bin/python of the release
  --worker-vision-python FILE
                        interpreter of workers for embedding models; default: envs/vision/bin/python of the release,
                        where it has that
  --worker-source DIR   folder that holds mlxfleet_worker; default: worker/ of the release
  --port N              port of the main API in place of the configured one (0: a free one)
  --admin-port N        port of the admin API, likewise
  --help, --version
`;

const LARGEST_PORT = 65_535;

interface ServeOptions {
  readonly root: string;
  readonly python: string | undefined;
  readonly visionPython: string | undefined;
  readonly source: string | undefined;
  readonly port: number | undefined;
  readonly adminPort: number | undefined;
}

function usage(message: string): CodedError {
  return new CodedError(PROCESS_ERRORS.WRONG_USAGE, message);
}

/** Null after --help or --version, which are answered here. */
function readArguments(args: readonly string[]): ServeOptions | null {
  const { values, positionals } = parse(args);
  if (values.help === true) {
    process.stdout.write(HELP);
    return null;
  }
  if (values.version === true) {
    process.stdout.write(`${VERSION}\n`);
    return null;
  }
  if (positionals.length !== 1 || positionals[0] !== 'serve') throw usage('the command is: serve');
  if (values.root === undefined) throw usage('--root is missing');
  return {
    root: path.resolve(values.root),
    python: absolute(values['worker-python']),
    visionPython: absolute(values['worker-vision-python']),
    source: absolute(values['worker-source']),
    port: portNumber('--port', values.port),
    adminPort: portNumber('--admin-port', values['admin-port']),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        root: { type: 'string' },
        'worker-python': { type: 'string' },
        'worker-vision-python': { type: 'string' },
        'worker-source': { type: 'string' },
        port: { type: 'string' },
        'admin-port': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function absolute(file: string | undefined): string | undefined {
  return file === undefined ? undefined : path.resolve(file);
}

function portNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > LARGEST_PORT) throw usage(`${option} takes a number up to 65535`);
  return port;
}

async function serve(options: ServeOptions): Promise<void> {
  const release = findRelease(path.dirname(realpathSync(fileURLToPath(import.meta.url))));
  const python = options.python ?? (release && path.join(release.folder, 'envs', 'text', 'bin', 'python'));
  const source = options.source ?? (release && path.join(release.folder, 'worker'));
  if (python == null || source == null) {
    throw new CodedError(PROCESS_ERRORS.WORKER_UNKNOWN, 'the agent does not run from a release folder');
  }
  const config = readConfig(path.join(options.root, 'shared', 'config.yaml'));
  const agent = await startAgent({
    root: options.root,
    config: {
      ...config,
      api: { ...config.api, port: options.port ?? config.api.port },
      admin: { port: options.adminPort ?? config.admin.port },
    },
    worker: { python, source, visionPython: options.visionPython ?? visionPythonOf(release) },
    release: release?.id ?? null,
    log: createLog(path.join(options.root, 'logs', 'agent.log')),
  });
  stopOnSignals(agent);
}

/** The interpreter of the release's vision environment; null when it has none. */
function visionPythonOf(release: Release | null): string | null {
  if (release === null) return null;
  const file = path.join(release.folder, 'envs', 'vision', 'bin', 'python');
  return existsSync(file) ? file : null;
}

function stopOnSignals(agent: Agent): void {
  const numbers = { SIGTERM: 15, SIGINT: 2 } as const;
  let stopping = false;
  for (const [signal, number] of Object.entries(numbers)) {
    process.on(signal, () => {
      if (stopping) {
        agent.kill();
        process.exit(128 + number);
      }
      stopping = true;
      agent.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          printError(error);
          agent.kill();
          process.exit(1);
        },
      );
    });
  }
}

/** The one place where the agent prints errors outside its log. */
function printError(error: unknown): void {
  if (error instanceof CodedError) {
    process.stderr.write(`error ${error.code}: ${error.message}\n  ${error.hint}\n`);
  } else {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  }
}

try {
  const options = readArguments(process.argv.slice(2));
  if (options !== null) await serve(options);
} catch (error) {
  printError(error);
  const isUsage = error instanceof CodedError && error.code === PROCESS_ERRORS.WRONG_USAGE.code;
  process.exit(isUsage ? 2 : 1);
}
