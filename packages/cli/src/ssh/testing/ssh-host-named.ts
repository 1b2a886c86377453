import { agentConfigSchema } from '@mlxfleet/protocol';
import type { ResolvedHost } from '../../config/resolved-host.ts';

/** A host of an inventory for tests: only what the way to it depends on is of interest. */
export function sshHostNamed(name: string, settings: Partial<ResolvedHost> = {}): ResolvedHost {
  return {
    name,
    address: name,
    connection: 'ssh',
    root: '~/.mlxfleet',
    vision: false,
    labels: [],
    keepReleases: 5,
    agentConfig: agentConfigSchema.parse({ version: 1 }),
    env: {},
    python: { version: '3.12', indexUrl: null, findLinks: null },
    smokeTestModel: null,
    ...settings,
  };
}
