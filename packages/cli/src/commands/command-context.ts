import type { Readable } from 'node:stream';
import type { Target } from '../deploy-types/target.ts';
import { loadInventory, type LoadedInventory } from '../config/load-inventory.ts';
import { resolveHosts } from '../config/resolve-hosts.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { selectHosts } from '../config/select-hosts.ts';
import type { Output } from '../output/output.ts';

/** Options that every command has. */
export interface GlobalOptions {
  /** `-i`. */
  readonly inventory?: string;
  readonly json?: boolean;
  /** False when `--no-color` was given. */
  readonly color?: boolean;
  readonly verbose?: boolean;
}

/** What a command works with, so that tests run it without a process of its own. */
export interface CommandContext {
  readonly output: Output;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly options: GlobalOptions;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
  readonly openTargets: OpenTargets;
}

export interface OpenOptions {
  /** Trusts a host key that ssh does not know yet, without asking. */
  readonly acceptNew: boolean;
  /** For each connection to be made; ssh_config's ConnectTimeout or 10 s when unset. */
  readonly connectDeadlineMs?: number;
  /** Told when a person is asked something about a connection; the promise ends with the answer. */
  readonly onQuestion?: (answer: Promise<unknown>) => void;
}

/**
 * Makes the ways to the selected hosts; connecting happens at their first use. `all` holds the hosts that a jump may lead
 * through.
 */
type OpenTargets = (selection: Selection, options: OpenOptions) => Promise<readonly Target[]>;

/** The inventory that this invocation works with. */
export async function inventoryOf(context: CommandContext): Promise<LoadedInventory> {
  const { options, cwd, env } = context;
  return loadInventory({ option: options.inventory, cwd, env });
}

/** The hosts that a command's arguments name, and all hosts, which jumps may lead through. */
export interface Selection {
  readonly selected: readonly ResolvedHost[];
  readonly all: readonly ResolvedHost[];
}

export async function selectionOf(context: CommandContext, names: readonly string[]): Promise<Selection> {
  const { inventory } = await inventoryOf(context);
  const all = resolveHosts(inventory);
  return { selected: selectHosts(all, names), all };
}
