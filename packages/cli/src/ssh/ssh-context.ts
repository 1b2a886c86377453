import os from 'node:os';
import type { KnownHostsRecorder } from './known-hosts-recorder.ts';
import type { Questions } from './questions.ts';

/** What all connections of one command share. */
export interface SshContext {
  readonly env: NodeJS.ProcessEnv;
  readonly questions: Questions;
  readonly recorder: KnownHostsRecorder;
  /** Unknown host keys are recorded without asking. */
  readonly acceptNew: boolean;
  /** Milliseconds for a connection with its jumps; unset takes ssh_config's ConnectTimeout, or 10 s. */
  readonly deadlineMs?: number;
  /** Gives up connections that are being made; those that exist go on. */
  readonly signal?: AbortSignal;
}

/** The operator's home as the shell sees it: what `~` in the inventory means. */
export function homeOf(env: NodeJS.ProcessEnv): string {
  return env['HOME'] === undefined || env['HOME'] === '' ? os.homedir() : env['HOME'];
}

/** The operator's account, whose home ssh uses whatever HOME says. */
export function accountOf(env: NodeJS.ProcessEnv): { readonly user: string; readonly home: string } {
  try {
    const { username, homedir } = os.userInfo();
    return { user: username, home: homedir };
  } catch {
    // A container may run under a number that no account has.
    return { user: env['USER'] ?? '', home: homeOf(env) };
  }
}
