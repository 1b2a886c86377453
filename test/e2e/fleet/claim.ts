import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { withFileLock } from '../../../scripts/lib/file-lock.mjs';
import { mustRun, runTool } from './run-tool.ts';

/** Not where temporary files go: every host covers /tmp with a folder of its own. */
const statesFolder = '/var/lib';
const prefix = 'mlxfleet-fleet-';
const MOST_FLEETS = 100;

/** What one fleet has for itself on this machine. */
export interface Claim {
  readonly number: number;
  /** Everything the fleet writes; the same path on the hosts and outside of them. */
  readonly folder: string;
  readonly bridge: string;
  /** Address of the operator's side of the bridge; hosts have the others of this /24. */
  readonly operatorAddress: string;
}

/** Takes a free fleet number, after clearing away what fleets of crashed runs left. */
export function claimFleet(): Promise<Claim> {
  return withFileLock(path.join(statesFolder, `${prefix}lock`), async () => {
    await sweep();
    const addresses = await mustRun('ip', ['-4', '-oneline', 'address', 'show']);
    for (let number = 0; number < MOST_FLEETS; number += 1) {
      const claim = describeClaim(number);
      if (existsSync(claim.folder) || addresses.includes(` 10.214.${number}.`)) continue;
      await mkdir(claim.folder, { mode: 0o755 });
      await writeFile(ownerFile(claim), `${process.pid} ${(await startTime(process.pid)) ?? ''}`);
      return claim;
    }
    throw new Error(`all ${MOST_FLEETS} fleet numbers are taken`);
  });
}

/** Removes the claim's bridge, its links and its files. The hosts' processes are gone already. */
export async function releaseClaim(claim: Claim): Promise<void> {
  const links = await mustRun('ip', ['-oneline', 'link', 'show']);
  for (const [, link = ''] of links.matchAll(/^\d+: ([^:@]+)/gm)) {
    // A link whose host has just gone may vanish by itself in between.
    if (link.startsWith(`mf${claim.number}h`) || link === claim.bridge)
      await runTool('ip', ['link', 'delete', link]);
  }
  await rm(claim.folder, { recursive: true, force: true, maxRetries: 5 });
}

function describeClaim(number: number): Claim {
  return {
    number,
    folder: path.join(statesFolder, `${prefix}${number}`),
    bridge: `mf${number}br`,
    operatorAddress: `10.214.${number}.1`,
  };
}

function ownerFile(claim: Claim): string {
  return path.join(claim.folder, 'owner');
}

async function sweep(): Promise<void> {
  for (const entry of await readdir(statesFolder)) {
    const number = new RegExp(`^${prefix}(\\d+)$`).exec(entry)?.[1];
    if (number === undefined) continue;
    const claim = describeClaim(Number(number));
    if (!(await isOwned(claim))) await releaseClaim(claim);
  }
}

async function isOwned(claim: Claim): Promise<boolean> {
  try {
    const [pid, started] = (await readFile(ownerFile(claim), 'utf8')).split(' ');
    return (await startTime(Number(pid))) === started;
  } catch {
    return (await stat(claim.folder)).mtimeMs > Date.now() - 10_000;
  }
}

/** When a process started, in clock ticks since boot: a process id alone may have been given away again. */
async function startTime(pid: number): Promise<string | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
