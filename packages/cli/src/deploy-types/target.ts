import type { ResolvedHost } from '../config/resolved-host.ts';
import type { Host } from '../hosts/host.ts';

/** A host that an action works on: what it should be, and the way to it. */
export interface Target {
  readonly settings: ResolvedHost;
  readonly host: Host;
}
