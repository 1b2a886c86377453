import { CodedError } from '@mlxfleet/protocol';
import type { DeployObserver } from '../deploy-types/deploy-observer.ts';
import type { Target } from '../deploy-types/target.ts';
import { ERRORS } from '../errors.ts';
import { LocalHost } from '../hosts/local-host.ts';
import { runScript } from '../remote-commands/run-script.ts';
import { script } from '../remote-commands/script.ts';
import type { Hook, HookEvent, Hooks } from './hook.ts';
import { type HookFacts, hookVariables } from './hook-variables.ts';
import { HookOutput } from './hook-output.ts';

/** A hook that runs longer is ended: 5 minutes. */
const HOOK_LIMIT_MS = 5 * 60_000;

/** How long the end of a hook that took too long may take. */
const HOOK_END_SECONDS = 15;

/** How long the hooks of an event may take in all. */
export function hookSeconds(hooks: Hooks | undefined, event: HookEvent): number {
  return (hooks?.events[event].length ?? 0) * (HOOK_LIMIT_MS / 1000 + HOOK_END_SECONDS);
}

/** What hooks run with. */
export interface HookContext {
  readonly hooks: Hooks;
  readonly target: Target;
  readonly facts: HookFacts;
  readonly observer: Pick<DeployObserver, 'hostNotice'>;
  readonly signal: AbortSignal;
  /** Last line of an error: what state the host is in now. */
  readonly state?: string;
  /** Replaces the hint of HOOK_FAILED. */
  readonly hint?: string;
  /** For each hook; 5 minutes when unset. */
  readonly limitMs?: number;
}

/**
 * Runs the hooks of an event, one after the other, each with the facts in its environment and its output shown as
 * notices. Resolves at once where there are none.
 * @throws CodedError HOOK_FAILED for the first hook that ends with another exit code than 0 or takes too long, and
 * INTERRUPTED when the signal was aborted. By then the hook and what it has started are gone.
 */
export async function runHooks(event: HookEvent, context: HookContext): Promise<void> {
  for (const hook of context.hooks.events[event]) await runHook(event, hook, context);
}

async function runHook(event: HookEvent, hook: Hook, context: HookContext): Promise<void> {
  const { target, facts, observer, signal, limitMs = HOOK_LIMIT_MS } = context;
  const { name } = target.settings;
  const interrupted = (cause?: unknown): CodedError =>
    new CodedError(ERRORS.INTERRUPTED, withState(`${name}: interrupted in the ${event} hook`, context), {
      cause,
    });
  if (signal.aborted) throw interrupted();
  observer.hostNotice(name, `${event} hook: ${hook.run}`);
  const output = new HookOutput((line) => observer.hostNotice(name, `${event}: ${line}`));
  const remote = script(['lib', 'hook'], {
    ...hookVariables(event, facts),
    ROOT: target.settings.root,
    HOOK_COMMAND: hook.run,
    // Empty is the home folder.
    HOOK_FOLDER: hook.on === 'local' ? context.hooks.folder : '',
  });
  const host = hook.on === 'local' ? new LocalHost(name) : target.host;
  const limit = AbortSignal.timeout(limitMs);
  const fail = (what: string, cause?: unknown): CodedError => {
    const lines = [
      `${name}: the ${event} hook ${what}: ${hook.run}`,
      ...output.last.map((line) => `  | ${line}`),
    ];
    const { hint } = context;
    return new CodedError(ERRORS.HOOK_FAILED, withState(lines.join('\n'), context), {
      cause,
      ...(hint === undefined ? {} : { hint }),
    });
  };
  try {
    const { exitCode } = await runScript(host, remote, (line) => output.add(line), {
      // Its end is how the script learns that it shall end the hook.
      holdStdin: true,
      signal: AbortSignal.any([signal, limit]),
      onErrorLine: (line) => output.add(line),
    });
    if (exitCode !== 0) throw fail(`ended with exit code ${String(exitCode)}`);
  } catch (error) {
    if (error instanceof CodedError && error.code === ERRORS.HOOK_FAILED.code) throw error;
    if (signal.aborted) throw interrupted(error);
    if (error instanceof CodedError) throw fail(`could not be run (${error.message})`, error);
    if (limit.aborted) throw fail(`did not end within ${String(limitMs / 1000)} s and was ended`, error);
    throw error;
  } finally {
    output.end();
    if (host !== target.host) await host.close();
  }
}

function withState(text: string, { state }: HookContext): string {
  return state === undefined ? text : `${text}\n${state}`;
}
