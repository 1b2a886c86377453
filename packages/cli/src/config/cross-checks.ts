import { isIP } from 'node:net';
import { DEFAULTS, type Inventory, isLoopbackAddress, modelProblems, nearestName } from '@mlxfleet/protocol';
import { type EffectiveHost, effectiveHosts, hostsNamed } from './effective-host.ts';
import { sameMachine } from './same-machine.ts';
import { settingPath } from './setting-path.ts';
import type { Path } from './yaml-source.ts';

/** A problem that shows only when parts of the inventory are seen together. */
export interface CrossProblem {
  readonly path: Path;
  readonly message: string;
  /** Another part that has to do with it; the message ends with its line. */
  readonly related?: Path;
  readonly suggestion?: string | null;
}

function isLocal(host: EffectiveHost): boolean {
  return host.connection === 'local';
}

function labelsOf(hosts: readonly EffectiveHost[]): string[] {
  return [...new Set(hosts.flatMap((host) => host.labels ?? []))];
}

function* unknownNames(
  hosts: readonly EffectiveHost[],
  names: readonly string[] | undefined,
  path: Path,
): Generator<CrossProblem> {
  const known = [...hosts.map((host) => host.name), ...labelsOf(hosts)];
  for (const [index, name] of (names ?? []).entries()) {
    if (known.includes(name)) continue;
    yield {
      path: [...path, index],
      message: `"${name}" is neither a host nor a label`,
      suggestion: nearestName(name, known),
    };
  }
}

function* ambiguousLabels(hosts: readonly EffectiveHost[]): Generator<CrossProblem> {
  const names = new Set(hosts.map((host) => host.name));
  for (const host of hosts) {
    for (const [index, label] of (host.labels ?? []).entries()) {
      if (!names.has(label) || label === host.name) continue;
      yield {
        path: ['hosts', host.name, 'labels', index],
        message: `"${label}" is already the name of a host`,
      };
    }
  }
}

/** A jump that names a machine by itself rather than a host of the inventory: user@host, host:port or host.domain. */
function isDirectJump(jump: string): boolean {
  return /[@:.]/.test(jump);
}

function* jumps(hosts: readonly EffectiveHost[]): Generator<CrossProblem> {
  const byName = new Map(hosts.map((host) => [host.name, host]));
  for (const host of hosts) {
    if (host.jump === undefined || isLocal(host)) continue;
    const path: Path = ['hosts', host.name, 'jump'];
    const through = byName.get(host.jump);
    if (through === undefined) {
      if (isDirectJump(host.jump)) continue;
      yield {
        path,
        message: `"${host.jump}" is no host of this inventory (another machine is written user@host:port)`,
        suggestion: nearestName(
          host.jump,
          [...byName.keys()].filter((name) => name !== host.name),
        ),
      };
    } else if (isLocal(through)) {
      yield { path, message: `"${host.jump}" is this machine; nothing has to jump through it` };
    } else {
      const circle = jumpCircle(host, byName);
      if (circle !== null) yield { path, message: `the jumps go round in a circle: ${circle.join(' → ')}` };
    }
  }
}

function jumpCircle(start: EffectiveHost, byName: ReadonlyMap<string, EffectiveHost>): string[] | null {
  const chain = [start.name];
  let next = start.jump === undefined ? undefined : byName.get(start.jump);
  while (next !== undefined) {
    const seen = chain.includes(next.name);
    chain.push(next.name);
    if (seen) return next.name === start.name ? chain : null;
    next = next.jump === undefined ? undefined : byName.get(next.jump);
  }
  return null;
}

const SSH_SETTINGS = ['address', 'user', 'port', 'identity', 'jump'] as const;

function* uselessSshSettings(inventory: Inventory): Generator<CrossProblem> {
  for (const [name, host] of Object.entries(inventory.hosts)) {
    if (host.connection !== 'local') continue;
    for (const setting of SSH_SETTINGS) {
      if (host[setting] === undefined) continue;
      yield { path: ['hosts', name, setting], message: 'has no meaning with connection: local' };
    }
  }
}

/** What a socket can listen on without asking a name server, which may answer otherwise tomorrow. */
function isBindAddress(bind: string): boolean {
  return isIP(bind) !== 0 || bind.toLowerCase() === 'localhost';
}

function* badBinds(inventory: Inventory): Generator<CrossProblem> {
  const settings: [Path, string | undefined][] = [
    [['defaults', 'api', 'bind'], inventory.defaults?.api?.bind],
    ...Object.entries(inventory.hosts).map(([name, host]): [Path, string | undefined] => [
      ['hosts', name, 'api', 'bind'],
      host.api?.bind,
    ]),
  ];
  for (const [path, bind] of settings) {
    if (bind === undefined || isBindAddress(bind)) continue;
    yield {
      path,
      message: `expected an IP address such as 127.0.0.1 or 0.0.0.0, found ${JSON.stringify(bind)}`,
    };
  }
}

function* openBinds(inventory: Inventory, hosts: readonly EffectiveHost[]): Generator<CrossProblem> {
  const reported = new Set<string>();
  for (const host of hosts) {
    const bind = host.api?.bind ?? DEFAULTS.bind;
    const hasKeys = (host.api?.keys ?? []).length > 0;
    const isMeant = hasKeys || host.api?.anonymous === true;
    if (isLoopbackAddress(bind) || isMeant || !isBindAddress(bind)) continue;
    const path = settingPath(inventory, host, 'api', 'bind');
    if (reported.has(path.join('\n'))) continue;
    reported.add(path.join('\n'));
    yield {
      path,
      message:
        `anybody who reaches ${host.name} on ${bind} could use it: ` +
        'add api.keys, or say anonymous: true beside it if that is meant',
    };
  }
}

function* models(inventory: Inventory, hosts: readonly EffectiveHost[]): Generator<CrossProblem> {
  const all = inventory.models ?? [];
  for (const [index, model] of all.entries())
    yield* unknownNames(hosts, model.hosts, ['models', index, 'hosts']);
  const reported = new Set<string>();
  for (const host of hosts) {
    const here = all.flatMap((model, index) =>
      hostsNamed([host], model.hosts).length > 0 ? [{ model, index }] : [],
    );
    for (const problem of modelProblems(here.map(({ model }) => model))) {
      const { model, index } = here[problem.index] ?? {};
      if (model === undefined || index === undefined) continue;
      const path: Path = ['models', index, problem.key];
      if (reported.has(path.join('\n'))) continue;
      reported.add(path.join('\n'));
      const earlier = here.find((other) => other.model.id === model.id)?.index ?? index;
      yield problem.key === 'id'
        ? { path, message: `"${model.id}" is already listed for host "${host.name}" (models[${earlier}])` }
        : { path, message: problem.message };
    }
  }
}

function* smokeTest(inventory: Inventory): Generator<CrossProblem> {
  const wanted = inventory.smoke_test?.model;
  const ids = (inventory.models ?? []).map((model) => model.id);
  if (wanted === undefined || ids.length === 0 || ids.includes(wanted)) return;
  yield {
    path: ['smoke_test', 'model'],
    message: `"${wanted}" is not among the models of this inventory`,
    suggestion: nearestName(wanted, ids),
  };
}

/** Every problem between the parts of an inventory that its schema accepts. */
export function crossProblems(inventory: Inventory): CrossProblem[] {
  const hosts = effectiveHosts(inventory);
  return [
    ...uselessSshSettings(inventory),
    ...ambiguousLabels(hosts),
    ...jumps(hosts),
    ...sameMachine(inventory, hosts),
    ...badBinds(inventory),
    ...openBinds(inventory, hosts),
    ...unknownNames(hosts, inventory.rollout?.canary, ['rollout', 'canary']),
    ...models(inventory, hosts),
    ...smokeTest(inventory),
  ];
}
