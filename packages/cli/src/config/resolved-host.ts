import type { AgentConfig, ServiceKind } from '@mlxfleet/protocol';
import type { Environment } from './secret.ts';

/** One host of the inventory with every default applied. */
export interface ResolvedHost {
  /** Name in the inventory. */
  readonly name: string;
  /** Host name, address or alias of ssh_config; null when `connection` is local. */
  readonly address: string | null;
  readonly connection: 'ssh' | 'local';
  /** Unset fields are left to ssh_config. */
  readonly user?: string;
  readonly sshPort?: number;
  /** Private key file; `~/` is the operator's home. */
  readonly identity?: string;
  /** A host of the inventory, or `user@host:port`. */
  readonly jump?: string;
  /** Where everything lives on the host: absolute, or begins with `~/` (the host's home). */
  readonly root: string;
  /** Unset: what the host has. */
  readonly service?: ServiceKind;
  /** Whether the vision environment is built. */
  readonly vision: boolean;
  readonly labels: readonly string[];
  /** Good releases to keep. */
  readonly keepReleases: number;
  /** Written to `shared/config.yaml`. */
  readonly agentConfig: AgentConfig;
  /** Environment of the agent's service, its workers, and the programs that build its environments. */
  readonly env: Environment;
  readonly python: {
    /** Preferred version, for example 3.12. */
    readonly version: string;
    /** Package index instead of the default one; null for the default. */
    readonly indexUrl: string | null;
    /** Folder of wheels on the host used instead of an index. */
    readonly findLinks: string | null;
  };
  /** Model that has to answer before a deploy counts; null takes the first that is present. */
  readonly smokeTestModel: string | null;
}
