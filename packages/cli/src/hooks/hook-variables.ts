import type { HookEvent } from './hook.ts';

/** What a deploy knows of a host when a hook runs. Null where it does not know yet. */
export interface HookFacts {
  /** Name in the inventory. */
  readonly host: string;
  /** Null for this machine. */
  readonly address: string | null;
  /** The release that is deployed. */
  readonly release: string | null;
  /** The release that was current before. */
  readonly previous: string | null;
  /** Version of the release. */
  readonly version: string | null;
  readonly operator: string;
  readonly os: string | null;
  readonly arch: string | null;
  readonly ramBytes: number | null;
  /** Of the change on the host, while it is under way and once it is done. */
  readonly changeId: string | null;
  /** Why an on-failure hook runs. */
  readonly failure?: {
    readonly outcome: string;
    readonly code: string;
    readonly message: string;
  };
}

/** A variable of a process has room for far more, but some programs' own limits are lower. */
const LONGEST_VALUE = 4096;

/** A value that every environment takes: no NUL, and not longer than it is good for. */
function fitting(value: string): string {
  return value.replaceAll('\0', '').slice(0, LONGEST_VALUE);
}

/** Environment of a hook; what is not known is empty. remote/hook.sh exports exactly these. */
export function hookVariables(event: HookEvent, facts: HookFacts): Readonly<Record<string, string>> {
  const variables = {
    MLXFLEET_HOOK: event,
    MLXFLEET_HOST: facts.host,
    MLXFLEET_ADDRESS: facts.address ?? '',
    MLXFLEET_RELEASE: facts.release ?? '',
    MLXFLEET_PREVIOUS: facts.previous ?? '',
    MLXFLEET_VERSION: facts.version ?? '',
    MLXFLEET_OPERATOR: facts.operator,
    MLXFLEET_OS: facts.os ?? '',
    MLXFLEET_ARCH: facts.arch ?? '',
    MLXFLEET_RAM_BYTES: facts.ramBytes === null ? '' : String(facts.ramBytes),
    MLXFLEET_CHANGE_ID: facts.changeId ?? '',
    MLXFLEET_OUTCOME: facts.failure?.outcome ?? '',
    MLXFLEET_ERROR_CODE: facts.failure?.code ?? '',
    MLXFLEET_ERROR: facts.failure?.message ?? '',
  };
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, fitting(value)]));
}
