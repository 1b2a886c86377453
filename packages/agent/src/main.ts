import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CodedError } from '@mlxfleet/protocol';
import { type Agent, startAgent } from './agent.ts';
import { readConfig } from './config/read-config.ts';
import { PROCESS_ERRORS } from './errors.ts';
import { findRelease, type Release } from './lifecycle/release.ts';
import { createLog } from './logs/log.ts';
import { readArguments, type ServeOptions } from './read-arguments.ts';

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
