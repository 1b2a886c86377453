import {
  type AgentConfig,
  agentConfigSchema,
  DEFAULTS,
  type Inventory,
  type SecretReference,
} from '@mlxfleet/protocol';
import { type EffectiveHost, effectiveHosts, hostsNamed } from './effective-host.ts';
import type { ResolvedHost } from './resolved-host.ts';
import type { Environment, Secret } from './secret.ts';
import { resolveSecret, type SecretContext } from './resolve-secret.ts';

function agentModels(inventory: Inventory, host: EffectiveHost): AgentConfig['models'] {
  const here = (inventory.models ?? []).filter((model) => hostsNamed([host], model.hosts).length > 0);
  return here.map((model) => ({
    id: model.id,
    base: model.base ?? null,
    adapter: model.adapter ?? null,
    preload: model.preload ?? false,
    pin: model.pin ?? false,
    ttl_seconds: model.ttl ?? null,
    context: model.context ?? null,
    max_batch_size: model.max_batch_size ?? null,
    kv_bits: model.kv_bits ?? null,
    draft: model.draft ?? null,
    prompt_lookup: model.prompt_lookup ?? false,
    draft_tokens: model.draft_tokens ?? null,
    prefix_cache: {
      memory_bytes: model.prefix_cache?.memory ?? null,
      disk_bytes: model.prefix_cache?.disk ?? null,
    },
  }));
}

function agentConfig(inventory: Inventory, host: EffectiveHost, keyHashes: readonly string[]): AgentConfig {
  const { port, bind, anonymous, keys, rate_limit: rateLimit = false } = host.api ?? {};
  const { image_cache: imageCache, feature_cache: featureCache, ...images } = host.images ?? {};
  const hasKeys = (keys ?? []).length > 0;
  return agentConfigSchema.parse({
    version: 1,
    api: {
      ...(bind === undefined ? {} : { bind }),
      ...(port === undefined ? {} : { port }),
      // Where keys are listed one is always asked for, whatever the defaults say.
      anonymous: !hasKeys && anonymous === true,
      key_hashes: keyHashes,
      rate_limit: rateLimit === false ? null : rateLimit,
    },
    images: { ...images, image_cache_bytes: imageCache ?? null, feature_cache_bytes: featureCache ?? null },
    admin: host.admin?.port === undefined ? {} : { port: host.admin.port },
    models: agentModels(inventory, host),
  });
}

/** What of a host is known only when its secrets are. */
interface HostSecrets {
  /** SHA-256 of each API key. */
  readonly keyHashes: readonly string[];
  readonly env: Environment;
}

function resolveHost(inventory: Inventory, host: EffectiveHost, secrets: HostSecrets): ResolvedHost {
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
    agentConfig: agentConfig(inventory, host, secrets.keyHashes),
    env: secrets.env,
    python: {
      version: inventory.python?.version ?? DEFAULTS.python,
      indexUrl: inventory.python?.index_url ?? null,
      findLinks: inventory.python?.find_links ?? null,
    },
    smokeTestModel: inventory.smoke_test?.model ?? null,
  };
}

/**
 * Every host with its defaults, in the order of the file. Secrets stay unasked, so `key_hashes` is empty and
 * `env` lacks its secrets: good for every command that does not write a host's configuration.
 */
export function resolveHosts(inventory: Inventory): ResolvedHost[] {
  return effectiveHosts(inventory).map((host) => {
    const literal = Object.entries(host.env ?? {}).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    );
    return resolveHost(inventory, host, { keyHashes: [], env: Object.fromEntries(literal) });
  });
}

/**
 * The named hosts with the hashes of their API keys and the secrets of their environment. Asks for each secret once;
 * rejects with SECRET_UNAVAILABLE.
 */
export async function resolveHostsWithSecrets(
  inventory: Inventory,
  names: readonly string[],
  context: SecretContext,
): Promise<ResolvedHost[]> {
  const secrets = new Map<string, Promise<Secret>>();
  const secretOf = async (reference: SecretReference): Promise<Secret> => {
    const key = JSON.stringify(reference);
    const asked = secrets.get(key) ?? resolveSecret(reference, context);
    secrets.set(key, asked);
    return asked;
  };
  const hosts = effectiveHosts(inventory).filter((host) => names.includes(host.name));
  const resolved: ResolvedHost[] = [];
  for (const host of hosts) {
    const keyHashes: string[] = [];
    // One after the other: password managers ask the person.
    for (const reference of host.api?.keys ?? []) keyHashes.push((await secretOf(reference)).sha256());
    const env: Record<string, string | Secret> = {};
    for (const [name, value] of Object.entries(host.env ?? {})) {
      env[name] = typeof value === 'string' ? value : await secretOf(value);
    }
    resolved.push(resolveHost(inventory, host, { keyHashes, env }));
  }
  return resolved;
}
