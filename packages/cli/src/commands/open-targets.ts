import { LocalHost } from '../hosts/local-host.ts';
import type { OpenTargets } from './command-context.ts';

/** Makes the ways to hosts; ssh is only read into memory where a host needs it. */
export function targetOpener(): OpenTargets {
  return async ({ selected }) =>
    selected.map((settings) => ({ settings, host: new LocalHost(settings.name) }));
}
