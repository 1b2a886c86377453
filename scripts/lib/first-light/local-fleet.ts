import { cp, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { DEFAULTS } from '@mlxfleet/protocol';
import { stringify } from 'yaml';
import { cacheFolder } from '../paths.ts';
import { SetupError } from '../setup-error.ts';

/** This machine as the only host of an inventory. */
export interface LocalFleet {
  readonly inventoryFile: string;
  /** Where everything of mlxfleet lies on this machine. */
  readonly root: string;
}

/** Writes the inventory for this machine; MLXFLEET_ROOT moves the root away from ~/.mlxfleet. */
export async function writeLocalInventory(smokeTestModel: string): Promise<LocalFleet> {
  const chosen = process.env['MLXFLEET_ROOT'];
  const root = chosen ? path.resolve(chosen) : path.join(os.homedir(), DEFAULTS.root.replace('~/', ''));
  const inventoryFile = path.join(cacheFolder, 'first-light', 'inventory.yaml');
  await mkdir(path.dirname(inventoryFile), { recursive: true });
  const inventory = {
    version: 1,
    defaults: { root },
    hosts: { local: { connection: 'local' } },
    smoke_test: { model: smokeTestModel },
  };
  await writeFile(inventoryFile, `# Written by npm start.\n${stringify(inventory)}`);
  return { inventoryFile, root };
}

/** Copies a model folder to where the agent looks for models, unless a model of that name and size is there. */
export async function placeModel(modelFolder: string, root: string): Promise<void> {
  const target = path.join(root, 'shared', 'models', path.basename(modelFolder));
  if ((await weightBytes(target)) === (await weightBytes(modelFolder))) return;
  const fresh = `${target}.new-${process.pid}`;
  await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
  await cp(modelFolder, fresh, { recursive: true });
  await rm(target, { recursive: true, force: true });
  await rename(fresh, target);
}

/**
 * @throws {SetupError} when a port that the agent needs is taken by something else than the agent of this root, which a
 * deploy replaces.
 */
export async function assertPortsFree(root: string): Promise<void> {
  if (await isAgentRunning(root)) return;
  for (const port of [DEFAULTS.apiPort, DEFAULTS.adminPort]) {
    if (await isFree(port)) continue;
    throw new SetupError(
      `Port ${port} is in use by another program.`,
      `mlxfleet serves on ${DEFAULTS.apiPort} and ${DEFAULTS.adminPort}. Stop the program that holds the port, then run npm start again. ` +
        `To see which it is: ${process.platform === 'darwin' ? `lsof -nP -iTCP:${port} -sTCP:LISTEN` : `ss -ltnp sport = :${port}`}`,
    );
  }
}

async function weightBytes(modelFolder: string): Promise<number | null> {
  try {
    return (await stat(path.join(modelFolder, 'model.safetensors'))).size;
  } catch {
    return null;
  }
}

async function isAgentRunning(root: string): Promise<boolean> {
  try {
    process.kill(Number.parseInt(await readFile(path.join(root, 'run', 'agent.pid'), 'utf8'), 10), 0);
    return true;
  } catch {
    return false;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
