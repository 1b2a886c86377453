import path from 'node:path';
import { DEFAULTS, type Inventory } from '@mlxfleet/protocol';
import type { CrossProblem } from './cross-checks.ts';
import type { EffectiveHost } from './effective-host.ts';
import { settingPath } from './setting-path.ts';
import type { Path } from './yaml-source.ts';

const DEFAULT_SSH_PORT = 22;

/** Two hosts with the same machine key are the same account on the same machine. */
function machineKey(host: EffectiveHost): string {
  if (host.connection === 'local') return 'local';
  return [host.address ?? host.name, host.port ?? DEFAULT_SSH_PORT, host.jump ?? ''].join(' ').toLowerCase();
}

/** Where the root lies on its machine; what `~` stands for is known by the user alone. */
function rootKey(host: EffectiveHost): string {
  const root = path.posix.normalize(host.root ?? DEFAULTS.root).replace(/\/+$/, '');
  return root.startsWith('~') ? `${host.user ?? ''} ${root}` : root;
}

function rootPath(inventory: Inventory, host: EffectiveHost): Path {
  return inventory.hosts[host.name]?.root === undefined ? ['hosts', host.name] : ['hosts', host.name, 'root'];
}

/** One root within another: what removes the outer one would take the inner one along. */
function* nestedRoots(
  inventory: Inventory,
  host: EffectiveHost,
  earlier: readonly EffectiveHost[],
): Generator<CrossProblem> {
  const own = `${rootKey(host)}/`;
  for (const other of earlier) {
    const theirs = `${rootKey(other)}/`;
    if (own === theirs || machineKey(other) !== machineKey(host)) continue;
    const isInside = own.startsWith(theirs);
    if (!isInside && !theirs.startsWith(own)) continue;
    const [inner, outer] = isInside ? [host.name, other.name] : [other.name, host.name];
    const where = isInside
      ? `lies inside the root of host "${other.name}"`
      : `holds the root of host "${other.name}"`;
    yield {
      path: rootPath(inventory, host),
      message: `${where} on the same machine: an uninstall of ${outer} would harm ${inner}`,
      related: rootPath(inventory, other),
    };
  }
}

/** Hosts of one machine that are in each other's way: roots and ports. */
export function* sameMachine(inventory: Inventory, hosts: readonly EffectiveHost[]): Generator<CrossProblem> {
  const roots = new Map<string, string>();
  const ports = new Map<string, string>();
  for (const [index, host] of hosts.entries()) {
    const machine = machineKey(host);
    const root = `${machine} ${rootKey(host)}`;
    const sameRoot = roots.get(root);
    if (sameRoot !== undefined) {
      yield {
        path: ['hosts', host.name],
        message: `is the same machine and root as host "${sameRoot}"; give one of them another root or remove it`,
      };
      continue;
    }
    roots.set(root, host.name);
    yield* nestedRoots(inventory, host, hosts.slice(0, index));

    const apiPort = host.api?.port ?? DEFAULTS.apiPort;
    const adminPort = host.admin?.port ?? DEFAULTS.adminPort;
    if (apiPort === adminPort) {
      const place = settingPath(inventory, host, 'api', 'port');
      yield { path: place, message: `the API and the admin API cannot both use port ${apiPort}` };
      continue;
    }
    const used: ['api' | 'admin', number][] = [
      ['api', apiPort],
      ['admin', adminPort],
    ];
    for (const [section, port] of used) {
      const taken = ports.get(`${machine} ${port}`);
      if (taken !== undefined) {
        const place = settingPath(inventory, host, section, 'port');
        yield { path: place, message: `host "${taken}" is on the same machine and uses port ${port}` };
      }
      ports.set(`${machine} ${port}`, host.name);
    }
  }
}
