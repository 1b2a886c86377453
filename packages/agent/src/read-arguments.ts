import path from 'node:path';
import { parseArgs } from 'node:util';
import { CodedError } from '@mlxfleet/protocol';
import { PROCESS_ERRORS } from './errors.ts';
import { VERSION } from './version.ts';

const HELP = `mlxfleet agent ${VERSION}: serves the models of this host

  agent.mjs serve --root DIR [options]

  --root DIR            folder that holds shared/, run/ and logs/
  --worker-python FILE  interpreter of the worker; default: envs/text/bin/python of the release
  --worker-vision-python FILE
                        interpreter of workers for vision and embedding models; default: envs/vision/bin/python of the
                        release, where it has that
  --worker-source DIR   folder that holds mlxfleet_worker; default: worker/ of the release
  --port N              port of the main API in place of the configured one (0: a free one)
  --admin-port N        port of the admin API, likewise
  --help, --version
`;

const LARGEST_PORT = 65_535;

/** What `serve` was given; paths are absolute, and what is undefined is left to the release and the configuration. */
export interface ServeOptions {
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

/**
 * Null after --help or --version, which are answered here.
 * @throws CodedError WRONG_USAGE.
 */
export function readArguments(args: readonly string[]): ServeOptions | null {
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
