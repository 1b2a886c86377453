import { CodedError, type EnvironmentKind, type Platform } from '@mlxfleet/protocol';
import { stringify } from 'yaml';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { revealed } from '../config/secret.ts';
import { ERRORS } from '../errors.ts';
import { sha256 } from '../release/hash-file.ts';
import { lockName, type Payload } from '../release/payload.ts';
import { type HostFacts, platformOf } from '../facts/facts.ts';

/** An environment that a release needs on a host. */
export interface DesiredEnvironment {
  readonly kind: EnvironmentKind;
  /** Folder under envs. */
  readonly name: string;
  readonly lockSha256: string;
  /** Modules that have to import once it is built. */
  readonly imports: string;
}

/** What a host should be, as far as it does not depend on which release it gets. */
export interface DesiredHost {
  readonly platform: Platform;
  readonly contentHash: string;
  readonly runtime: { readonly node: string; readonly uv: string };
  readonly environments: readonly DesiredEnvironment[];
  /** The interpreter for environments; a null path lets uv install the version. */
  readonly python: { readonly path: string | null; readonly version: string };
  /** Text of shared/config.yaml and shared/environment.json. */
  readonly configText: string;
  readonly environmentText: string;
  readonly configSha256: string;
  readonly environmentSha256: string;
}

const IMPORTS: Readonly<Record<EnvironmentKind, string>> = {
  text: 'mlx.core, mlx_lm',
  vision: 'mlx.core, mlx_vlm, mlx_lm, PIL, pypdfium2',
};

/** The host's settings and this version's payload, brought together with what the host is. Pure. */
export function desiredHost(settings: ResolvedHost, payload: Payload, facts: HostFacts): DesiredHost {
  if (facts.system === null) throw new CodedError(ERRORS.SCRIPT_BROKEN, `${settings.name}: no facts`);
  const platform = platformOf(settings.name, facts.system);
  // The inventory's own words are checked when it is read; a home folder is known only now.
  const { root } = facts.system;
  if (!/^[\x20-\x7e]*$/.test(root)) {
    throw new CodedError(ERRORS.ROOT_NOT_ASCII, `${settings.name}: the root is ${root} on the host`);
  }
  const python = {
    path: facts.python?.path ?? null,
    version: facts.python?.version ?? settings.python.version,
  };
  const kinds: EnvironmentKind[] = settings.vision ? ['text', 'vision'] : ['text'];
  const environments = kinds.map((kind): DesiredEnvironment => {
    const lock = payload.locks.get(lockName(kind, platform));
    if (lock === undefined) {
      throw new CodedError(
        ERRORS.PLATFORM_UNSUPPORTED,
        `${settings.name}: no ${kind} packages are locked for ${platform}`,
      );
    }
    const hash = sha256(`${lock}\n${python.version}\n${platform}`).slice(0, 12);
    return { kind, name: `${kind}-${hash}`, lockSha256: sha256(lock), imports: IMPORTS[kind] };
  });
  const configText = configTextOf(settings.agentConfig);
  const variables = Object.entries(revealed(settings.env)).toSorted(([left], [right]) =>
    left < right ? -1 : 1,
  );
  const environmentText = `${JSON.stringify(Object.fromEntries(variables))}\n`;
  return {
    platform,
    contentHash: payload.contentHash,
    runtime: payload.runtime,
    environments,
    python,
    configText,
    environmentText,
    configSha256: sha256(configText),
    environmentSha256: sha256(environmentText),
  };
}

const configTexts = new Map<string, string>();

/** YAML takes milliseconds to write, and most hosts of a fleet have the same settings: each text is made once. */
function configTextOf(config: ResolvedHost['agentConfig']): string {
  const key = JSON.stringify(config);
  const text = configTexts.get(key) ?? stringify(config);
  configTexts.set(key, text);
  return text;
}

/**
 * The release that the host already has for this content, or null when one has to be sent: the current one, else the
 * one deployed last. One whose files were changed does not count.
 */
export function heldRelease(contentHash: string, facts: HostFacts): string | null {
  const held = facts.releases.filter(
    (release) => release.contentHash === contentHash && release.present && release.intact === true,
  );
  const current = held.find((release) => release.current);
  return (current ?? held.toSorted((left, right) => right.order - left.order)[0])?.id ?? null;
}
