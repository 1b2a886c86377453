import type { ServiceKind } from '@mlxfleet/protocol';
import type { ScriptPart } from '../remote-commands/script.ts';

/** Kinds of service that this version can set up, each by the part of the scripts that does it. */
const PARTS: Readonly<Partial<Record<ServiceKind, ScriptPart>>> = { detached: 'service-detached' };

/** What runs the agent where the inventory does not say. */
export const DEFAULT_SERVICE_KIND: ServiceKind = 'detached';

/** Whether this version can run the agent as this kind of service. */
export function isServiceSupported(kind: ServiceKind): boolean {
  return PARTS[kind] !== undefined;
}

/**
 * Parts of a script that start, stop and look at the agent as a service of this kind: they define service_start,
 * service_stop and service_status, and nothing else differs between kinds. For one that cannot be set
 * up, those of the default, which find whatever this version may have started.
 */
export function serviceParts(kind: ServiceKind = DEFAULT_SERVICE_KIND): ScriptPart[] {
  return [PARTS[kind] ?? 'service-detached'];
}
