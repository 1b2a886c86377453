import { DEFAULTS } from '@mlxfleet/protocol';
import { stringify } from 'yaml';

/** A host to write into a new inventory. */
export interface TemplateHost {
  readonly name: string;
  /** ssh_config's alias or an address; null for this machine. */
  readonly address: string | null;
}

/** A value as YAML writes it within a line. */
function scalar(value: string): string {
  return stringify(value, { lineWidth: 0 }).trim();
}

/** A name that the inventory accepts, from whatever ssh_config calls a host. */
export function hostNameFrom(alias: string): string {
  const name = alias
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 63);
  return name === '' ? 'host' : name;
}

function hostEntry(host: TemplateHost): string {
  if (host.address === null)
    return `  # This machine; no ssh.\n  ${scalar(host.name)}: { connection: local }\n`;
  const settings = host.address === host.name ? '{}' : `{ address: ${scalar(host.address)} }`;
  return `  ${scalar(host.name)}: ${settings}\n`;
}

/** The text of a new inventory with these hosts, with comments that show the rest of what can be said. */
export function inventoryTemplate(hosts: readonly TemplateHost[]): string {
  const remote = hosts.filter((host) => host.address !== null);
  const canary = remote.length > 1 ? remote.at(-1)?.name : undefined;
  return `# The hosts of this fleet and what runs on them. Every key is described in docs/configuration.md.
# After a change: mlxfleet validate, then mlxfleet deploy.
version: 1

# What every host has unless it says otherwise.
defaults:
  # Where everything lives on a host.
  root: ${DEFAULTS.root}
  # The OpenAI API. On loopback only the host itself reaches it. To serve your network, say for a host:
  #   api: { bind: 0.0.0.0, keys: [{ env: MLXFLEET_KEY }] }
  api: { port: ${DEFAULTS.apiPort}, bind: ${DEFAULTS.bind} }
  # Vision models and embeddings need an environment of their own on the host, of about 1.8 GB (0.8 GB on Linux).
  # vision: true
  # Good releases that a host keeps to go back to.
  keep_releases: ${DEFAULTS.keepReleases}

# ssh works as your ~/.ssh/config says. A host may also set: user, port, identity, jump, labels, service, env.
hosts:
${hosts.map(hostEntry).join('')}
rollout:
  # Hosts or labels that are deployed first; when one fails, the others are not touched.
  canary: [${canary === undefined ? '' : scalar(canary)}]
  # Then this many hosts at a time.
  max_parallel: ${DEFAULTS.maxParallel}

# Models to have ready. Others are loaded when a request names them.
models: []
#  - id: mlx-community/Qwen2.5-0.5B-Instruct-4bit
#    hosts: [${scalar(hosts[0]?.name ?? 'local')}]
#    preload: true
#    ttl: 10m

# A deploy counts only when this model has answered; without it, the first one that is present.
# smoke_test: { model: mlx-community/Qwen2.5-0.5B-Instruct-4bit }
`;
}
