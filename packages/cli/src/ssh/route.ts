import { CodedError } from '@mlxfleet/protocol';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { ERRORS } from '../errors.ts';
import { expandHome } from './expand-path.ts';
import { parseSshConfig, splitJumps, type SshConfig } from './ssh-config.ts';
import { homeOf } from './ssh-context.ts';
import { runSshTool } from './ssh-tool.ts';

/** Jumps through jumps: more than anybody has, so a circle. */
const LONGEST_ROUTE = 8;

/** One ssh server on the way to a host, or the host. */
export interface Hop {
  /** Name in the inventory; `NAME (jump JUMP)` for a host on the way there. */
  readonly name: string;
  /** What was asked of ssh_config. */
  readonly address: string;
  readonly config: SshConfig;
  /** Private key file that the inventory names, as an absolute path. */
  readonly identity: string | null;
}

/** The way to a host: through another host, or straight when `via` is null. */
export interface Route {
  readonly hop: Hop;
  readonly via: Route | null;
}

/** A place to go to, before ssh_config was asked. */
interface Destination {
  readonly name: string;
  readonly address: string;
  readonly user?: string;
  readonly port?: number;
  readonly identity?: string;
  /** Name in the inventory of the host that the way leads to. */
  readonly wayTo: string;
  /** Hosts to go through, instead of what ssh_config says. */
  readonly jumps?: readonly string[];
}

export interface RouteSettings {
  /** Every host of the inventory, since a jump may name one. */
  readonly inventory: readonly ResolvedHost[];
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Asks ssh_config for the way to a host; what the inventory says goes first.
 * @throws CodedError SSH_MISSING, SSH_CONFIG_INVALID, SSH_CONFIG_UNSUPPORTED for a ProxyCommand or jumps in a circle,
 *   INVENTORY_INVALID for an address that is an option.
 */
export async function findRoute(host: ResolvedHost, settings: RouteSettings): Promise<Route> {
  return routeTo(inventoryDestination(host), settings, 0);
}

async function routeTo(destination: Destination, settings: RouteSettings, depth: number): Promise<Route> {
  if (depth >= LONGEST_ROUTE) {
    throw new CodedError(ERRORS.SSH_CONFIG_UNSUPPORTED, `the jumps to ${destination.wayTo} go in a circle`, {
      hint: 'Look at `jump` in the inventory and at ProxyJump in ssh_config.',
    });
  }
  const config = await askSshConfig(destination, settings.env);
  const { identity } = destination;
  const hop: Hop = {
    name: destination.name,
    address: destination.address,
    config,
    identity: identity === undefined ? null : expandHome(identity, homeOf(settings.env)),
  };
  if (destination.jumps === undefined && config.proxyCommand !== null) {
    throw new CodedError(
      ERRORS.SSH_CONFIG_UNSUPPORTED,
      `${destination.name}: ssh_config sets ProxyCommand ${config.proxyCommand}, which is not supported`,
    );
  }
  const jumps = destination.jumps ?? config.jumps;
  const last = jumps.at(-1);
  if (last === undefined) return { hop, via: null };
  const jump = jumpDestination(last, jumps.slice(0, -1), destination.wayTo, settings.inventory);
  return { hop, via: await routeTo(jump, settings, depth + 1) };
}

function inventoryDestination(host: ResolvedHost): Destination {
  return {
    name: host.name,
    wayTo: host.name,
    address: (host.address ?? host.name).replace(/^\[(.*)\]$/, '$1'),
    ...(host.user === undefined ? {} : { user: host.user }),
    ...(host.sshPort === undefined ? {} : { port: host.sshPort }),
    ...(host.identity === undefined ? {} : { identity: host.identity }),
    ...(host.jump === undefined ? {} : { jumps: splitJumps(host.jump === 'none' ? null : host.jump) }),
  };
}

function jumpDestination(
  jump: string,
  before: readonly string[],
  wayTo: string,
  inventory: readonly ResolvedHost[],
): Destination {
  const name = `${wayTo} (jump ${jump})`;
  const explicit = before.length === 0 ? {} : { jumps: before };
  const host = inventory.find((candidate) => candidate.name === jump && candidate.connection === 'ssh');
  if (host !== undefined) return { ...inventoryDestination(host), ...explicit, name, wayTo };
  return { ...parseJump(jump), ...explicit, name, wayTo };
}

/** Takes `[ssh://][user@]host[:port]` apart; an IPv6 address with a port stands in brackets. */
export function parseJump(jump: string): { address: string; user?: string; port?: number } {
  const plain = jump.replace(/^ssh:\/\//, '').replace(/\/$/, '');
  const at = plain.lastIndexOf('@');
  const place = plain.slice(at + 1);
  const [, bracketed, bare, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(place) ?? [];
  return {
    address: bracketed ?? bare ?? place,
    ...(at > 0 ? { user: plain.slice(0, at) } : {}),
    ...(port === undefined ? {} : { port: Number(port) }),
  };
}

async function askSshConfig(destination: Destination, env: NodeJS.ProcessEnv): Promise<SshConfig> {
  const { name, address, user, port } = destination;
  if (address.startsWith('-')) {
    throw new CodedError(ERRORS.INVENTORY_INVALID, `${name}: ${address} is not an address`, {
      hint: 'An address does not begin with a dash.',
    });
  }
  // -T: without it ssh complains that its input is no terminal.
  const words = ['-G', '-T'];
  if (user !== undefined) words.push('-l', user);
  if (port !== undefined) words.push('-p', String(port));
  // As with `ssh -i`: keys that ssh would try by itself are not offered beside one that was named.
  if (destination.identity !== undefined) words.push('-i', expandHome(destination.identity, homeOf(env)));
  // The inventory's jumps replace those of ssh_config, which for `Host *` would lead in a circle.
  if (destination.jumps !== undefined) words.push('-o', 'ProxyJump=none');
  const answer = await runSshTool('ssh', [...words, '--', address], env);
  const config = parseSshConfig(answer.stdout);
  if (answer.exitCode !== 0 || config.hostname === '') {
    const reason = answer.stderr.trim().replaceAll('\n', ' ');
    throw new CodedError(ERRORS.SSH_CONFIG_INVALID, `${name}: ssh -G ${address}: ${reason}`);
  }
  return config;
}
