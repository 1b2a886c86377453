import { CodedError, nearestName } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { hostsNamed } from './effective-host.ts';
import type { ResolvedHost } from './resolved-host.ts';

function knownNames(hosts: readonly ResolvedHost[]): string[] {
  return [...new Set([...hosts.map((host) => host.name), ...hosts.flatMap((host) => host.labels)])];
}

/** Hosts that the arguments of a command name by host name or label; every host without arguments. */
export function selectHosts(hosts: readonly ResolvedHost[], names: readonly string[]): ResolvedHost[] {
  const known = knownNames(hosts);
  const unknown = names.filter((name) => !known.includes(name));
  const [first] = unknown;
  if (first !== undefined) {
    const meant = nearestName(first, known);
    const listed = unknown.map((name) => `"${name}"`).join(', ');
    const verb = unknown.length === 1 ? 'is neither a host nor a label' : 'are neither hosts nor labels';
    throw new CodedError(ERRORS.HOST_UNKNOWN, `${listed} ${verb} of this inventory`, {
      hint:
        meant === null
          ? `It has: ${known.join(', ')}`
          : `Did you mean "${meant}"? It has: ${known.join(', ')}`,
    });
  }
  return hostsNamed(hosts, names.length === 0 ? undefined : names);
}
