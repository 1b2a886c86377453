import {
  type AgentConfig,
  agentConfigSchema,
  DEFAULTS,
  type Inventory,
  type SecretReference,
} from '@mlxfleet/protocol';
import { type EffectiveHost, effectiveHosts, hostsNamed } from './effective-host.ts';
import type { ResolvedHost } from './resolved-host.ts';
import { resolveSecret, type SecretContext } from './resolve-secret.ts';

function agentModels(inventory: Inventory, host: EffectiveHost): AgentConfig['models'] {
  const here = (inventory.models ?? []).filter((model) => hostsNamed([host], model.hosts).length > 0);
  return here.map((model) => ({
    id: model.id,
    preload: model.preload ?? false,
    pin: model.pin ?? false,
    ttl_seconds: model.ttl ?? null,
    context: model.context ?? null,
  }));
}

function agentConfig(inventory: Inventory, host: EffectiveHost, keyHashes: readonly string[]): AgentConfig {
  const { port, bind, anonymous, keys } = host.api ?? {};
  const hasKeys = (keys ?? []).length > 0;
  return agentConfigSchema.parse({
    version: 1,
    api: {
      ...(bind === undefined ? {} : { bind }),
      ...(port === undefined ? {} : { port }),
      // Where keys are listed one is always asked for, whatever the defaults say.
      anonymous: !hasKeys && anonymous === true,
      key_hashes: keyHashes,
    },
    admin: host.admin?.port === undefined ? {} : { port: host.admin.port },
    models: agentModels(inventory, host),
    env: host.env ?? {},
  });
}

function resolveHost(inventory: Inventory, host: EffectiveHost, keyHashes: readonly string[]): ResolvedHost {
  const isLocal = host.connection === 'local';
  const sshOnly = isLocal
    ? {}
    : {
        ...(host.user === undefined ? {} : { user: host.user }),
        ...(host.port === undefined ? {} : { sshPort: host.port }),
        ...(host.identity === undefined ? {} : { identity: host.identity }),
        ...(host.jump === undefined ? {} : { jump: host.jump }),
      };
  return {
    name: host.name,
    address: isLocal ? null : (host.address ?? host.name),
    connection: host.connection ?? 'ssh',
    ...sshOnly,
    root: host.root ?? DEFAULTS.root,
    ...(host.service === undefined ? {} : { service: host.service }),
    vision: host.vision ?? false,
    labels: host.labels ?? [],
    keepReleases: host.keep_releases ?? DEFAULTS.keepReleases,
    agentConfig: agentConfig(inventory, host, keyHashes),
    env: host.env ?? {},
    python: {
      version: inventory.python?.version ?? DEFAULTS.python,
      indexUrl: inventory.python?.index_url ?? null,
      findLinks: inventory.python?.find_links ?? null,
    },
    smokeTestModel: inventory.smoke_test?.model ?? null,
  };
}

/**
 * Every host with its defaults, in the order of the file. Secrets stay unasked, so `key_hashes` is empty: good for
 * every command that does not write a host's configuration.
 */
export function resolveHosts(inventory: Inventory): ResolvedHost[] {
  return effectiveHosts(inventory).map((host) => resolveHost(inventory, host, []));
}

/**
 * The named hosts with the hashes of their API keys. Asks for each secret once; rejects with SECRET_UNAVAILABLE.
 */
export async function resolveHostsWithSecrets(
  inventory: Inventory,
  names: readonly string[],
  context: SecretContext,
): Promise<ResolvedHost[]> {
  const hashes = new Map<string, Promise<string>>();
  const hashOf = async (reference: SecretReference): Promise<string> => {
    const key = JSON.stringify(reference);
    const known = hashes.get(key);
    if (known !== undefined) return known;
    const asked = resolveSecret(reference, context).then((secret) => secret.sha256());
    hashes.set(key, asked);
    return asked;
  };
  const hosts = effectiveHosts(inventory).filter((host) => names.includes(host.name));
  const resolved: ResolvedHost[] = [];
  for (const host of hosts) {
    const keyHashes: string[] = [];
    // One after the other: password managers ask the person.
    for (const reference of host.api?.keys ?? []) keyHashes.push(await hashOf(reference));
    resolved.push(resolveHost(inventory, host, keyHashes));
  }
  return resolved;
}
