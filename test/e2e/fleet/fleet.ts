import { access, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findPython } from '../../../scripts/lib/python.ts';
import { type Claim, claimFleet, releaseClaim } from './claim.ts';
import { FleetHost, type FleetHostSettings } from './fleet-host.ts';
import { Operator } from './operator.ts';
import { mustRun } from './run-tool.ts';

export interface FleetOptions {
  readonly hosts: ReadonlyArray<string | HostOptions>;
  /** Folders of this machine that every host sees, read-only, at sharedPath(name). */
  readonly shared?: Readonly<Record<string, string>>;
}

interface HostOptions {
  readonly name: string;
  /** Makes `~/.mlxfleet` a file system of this size, to fill it up. It is empty again after a power cut. */
  readonly rootMegabytes?: number;
  /** Name of the home folder; `home` when unset. Not together with rootMegabytes when it is no plain word. */
  readonly homeName?: string;
  /** Login shell, as an absolute path; `/bin/sh` when unset. */
  readonly loginShell?: string;
  /** Lines of sshd_config that go before those of every host. */
  readonly sshdConfig?: readonly string[];
}

/**
 * Real hosts on one Linux machine: each with its own network, processes, home and sshd, on a bridge that leads to this
 * machine and nowhere else. `canHostFleet` tells what it takes. Always `destroy()` a fleet; one that a crash
 * left behind is cleared away when the next is made.
 */
export class Fleet {
  readonly operator: Operator;
  readonly hosts: readonly FleetHost[];
  readonly #claim: Claim;

  private constructor(claim: Claim, operator: Operator, hosts: readonly FleetHost[]) {
    this.#claim = claim;
    this.operator = operator;
    this.hosts = hosts;
  }

  /** Makes the hosts and boots them. The operator knows their keys and has a key they accept. */
  static async create(options: FleetOptions): Promise<Fleet> {
    const claim = await claimFleet();
    const hosts = describeHosts(claim, options, await hostSearchPath()).map(
      (settings) => new FleetHost(settings),
    );
    try {
      const operator = await Operator.create(path.join(claim.folder, 'operator'));
      const fleet = new Fleet(claim, operator, hosts);
      await makeBridge(claim);
      const neighbours = Object.fromEntries(hosts.map((host) => [host.name, host.address]));
      const operatorKey = await operator.publicKey();
      await Promise.all(hosts.map((host) => host.install({ neighbours, operatorKey })));
      await fleet.learnHostKeys();
      await writeFile(operator.sshConfig, fleet.sshConfig(), { mode: 0o600 });
      await Promise.all(hosts.map((host) => host.boot()));
      return fleet;
    } catch (error) {
      await Promise.all(hosts.map((host) => host.powerCut()));
      await releaseClaim(claim);
      throw error;
    }
  }

  /** Folder of this fleet for whatever a test writes; removed with the fleet. */
  get folder(): string {
    return this.#claim.folder;
  }

  host(name: string): FleetHost {
    const found = this.hosts.find((host) => host.name === name);
    if (!found) throw new Error(`the fleet has no host ${name}`);
    return found;
  }

  /** Writes the operator's known_hosts with the keys that the hosts have now. */
  async learnHostKeys(): Promise<void> {
    const lines = await Promise.all(
      this.hosts.map(async (host) => `${host.address} ${await host.publicKey()}\n`),
    );
    await writeFile(this.operator.knownHosts, lines.join(''), { mode: 0o600 });
  }

  /** An ssh_config that knows the hosts by their names. */
  sshConfig(): string {
    return this.hosts
      .map(
        (host) =>
          `Host ${host.name}\n  HostName ${host.address}\n  User root\n  IdentityFile ${this.operator.identity}\n`,
      )
      .join('');
  }

  /** The `hosts` part of an inventory, by address and with the operator's key. */
  inventoryHosts(): Record<string, { address: string; user: string; identity: string }> {
    const identity = this.operator.identity;
    return Object.fromEntries(
      this.hosts.map((host) => [host.name, { address: host.address, user: 'root', identity }]),
    );
  }

  /** Ends every host and removes everything the fleet made. */
  async destroy(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.powerCut()));
    await releaseClaim(this.#claim);
  }
}

/** Last byte of the first host's address. */
const FIRST_HOST = 11;

function describeHosts(claim: Claim, options: FleetOptions, searchPath: string): FleetHostSettings[] {
  return options.hosts.map((host, index) => {
    const settings: HostOptions = typeof host === 'string' ? { name: host } : host;
    const { name, rootMegabytes, homeName = 'home', loginShell, sshdConfig } = settings;
    const folder = path.join(claim.folder, name);
    const number = FIRST_HOST + index;
    return {
      name,
      folder,
      home: path.join(folder, homeName),
      address: `10.214.${claim.number}.${number}`,
      prefixLength: 24,
      hardwareAddress: `02:d6:00:00:${hexadecimal(claim.number)}:${hexadecimal(number)}`,
      bridge: claim.bridge,
      link: `mf${claim.number}h${index}`,
      shared: options.shared ?? {},
      rootMegabytes,
      loginShell,
      sshdConfig,
      searchPath,
    };
  });
}

async function makeBridge(claim: Claim): Promise<void> {
  await mustRun('ip', ['link', 'add', claim.bridge, 'type', 'bridge']);
  await mustRun('ip', ['address', 'add', `${claim.operatorAddress}/24`, 'dev', claim.bridge]);
  await mustRun('ip', ['link', 'set', claim.bridge, 'up']);
}

function hexadecimal(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

const standardFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** A plain PATH; the folder of a Python that fits is added when the plain one has none (version managers). */
async function hostSearchPath(): Promise<string> {
  const python = await findPython();
  for (const folder of standardFolders) {
    const found = await access(path.join(folder, `python${python.version}`)).then(
      () => true,
      () => false,
    );
    if (found) return standardFolders.join(':');
  }
  return [...standardFolders, path.dirname(python.executable)].join(':');
}
