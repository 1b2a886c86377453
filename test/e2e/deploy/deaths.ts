import { existsSync } from 'node:fs';
import path from 'node:path';
import { until } from '../../support/until.ts';
import type { FleetHost } from '../fleet/fleet-host.ts';

/** A change of one host that is under way. */
export interface ChangeUnderWay {
  readonly host: FleetHost;
  /** Resolves when the command line is gone. */
  readonly ended: Promise<unknown>;
  /** Ends the command line without a chance to say goodbye. */
  readonly killCommand: () => void;
}

/** How a change can die. Each returns once nothing of the dying is under way any more. */
export const DEATHS: Readonly<Record<string, (change: ChangeUnderWay) => Promise<void>>> = {
  'the command line is killed': async ({ killCommand }) => killCommand(),
  'the network is cut': async ({ host, killCommand }) => {
    await host.partition();
    killCommand();
    await untilSettled(host);
    await host.heal();
  },
  'the script on the host is killed': async ({ host, ended }) => {
    await host.exec('kill -KILL "$(sed -n "s/^pid=//p" .mlxfleet/deploy/lock/holder)"');
    await ended;
  },
  'the host loses its power': async ({ host, killCommand }) => {
    await host.powerCut();
    killCommand();
    await host.boot();
    await startService(host);
  },
};

const SETTLES_WITHIN_MS = 120_000;

/** Nothing holds the host's lock and nothing is undecided: seen from the machine, not over the network. */
async function untilSettled(host: FleetHost): Promise<void> {
  const left = (): string[] =>
    ['lock/holder', 'pending'].filter((name) => existsSync(path.join(host.root, 'deploy', name)));
  await until(async () => left().join(', ') || null, SETTLES_WITHIN_MS);
}

/** What a service manager does at boot. */
async function startService(host: FleetHost): Promise<void> {
  await host.exec(
    'supervisor="$HOME/.mlxfleet/run/supervisor.sh"; [ ! -f "$supervisor" ] || setsid /bin/sh "$supervisor" "$HOME/.mlxfleet" </dev/null >/dev/null 2>&1 &',
  );
}

/** Files and processes that a change may have left on a host and should not have. */
export async function leftovers(host: FleetHost): Promise<string[]> {
  const { stdout } = await host.exec(
    `cd .mlxfleet && ls -A deploy/lock; ls -d deploy/pending* releases/*.partial runtime/*.partial current.new \
      deploy/*.new* deploy/*/*.new* shared/*.new* run/gate.* 2>/dev/null`,
  );
  const files = stdout.split('\n').filter((line) => line !== '');
  const commands = (await host.processes()).map(({ command }) => command);
  const scripts = commands.filter((command) => /guard\.sh|control\.mjs|\buv\b|\/bin\/sh -s/.test(command));
  const services = commands.filter((command) => / serve --root |supervisor\.sh/.test(command));
  // One supervisor and one agent.
  return [...files, ...scripts, ...(services.length === 2 ? [] : services)];
}
