import type { AgentReason } from '../../../packages/cli/src/phases/agent-reason.ts';

/** What one look at the agent found. */
export interface Sight {
  /** Process id; null when none runs. */
  readonly agent: number | null;
  /** Whether somebody is there to start it again. */
  readonly isSupervised: boolean;
  /** Whether it can serve. */
  readonly isReady: boolean;
  /** Why the last attempt to start it failed. */
  readonly reason: AgentReason | null;
}

/** What is known of the agent between two looks. */
export type Watched =
  | { readonly state: 'serving'; readonly agent: number }
  | { readonly state: 'ended'; readonly looks: number; readonly unsupervised: number; readonly told: string };

/** What becomes of it after a look, and what a person is told. */
export interface Verdict {
  readonly next: Watched;
  readonly lines: readonly string[];
}

/** Looks, half a second each, after which a person is told that nobody starts it again, or that it takes long. */
const UNSUPERVISED_LOOKS = 6;
const LONG_LOOKS = 80;

/** Each end, reason and return is told once. `commandLine` begins the commands of the advice. */
export function judge(watched: Watched, sight: Sight, commandLine: string): Verdict {
  if (watched.state === 'serving') {
    if (sight.agent === watched.agent) return { next: watched, lines: [] };
    const next: Watched = { state: 'ended', looks: 0, unsupervised: 0, told: '' };
    return {
      next,
      lines: [
        sight.isSupervised ? 'The agent has ended and is being started again …' : 'The agent has ended.',
      ],
    };
  }
  if (sight.agent !== null && sight.isReady) {
    return { next: { state: 'serving', agent: sight.agent }, lines: ['The agent serves again.'] };
  }
  const next = {
    ...watched,
    looks: watched.looks + 1,
    unsupervised: sight.isSupervised ? 0 : watched.unsupervised + 1,
  };
  if (next.unsupervised >= UNSUPERVISED_LOOKS) {
    if (watched.told === 'unsupervised') return { next, lines: [] };
    return {
      next: { ...next, told: 'unsupervised' },
      lines: [`Nothing starts the agent again: it was stopped. To start it: ${commandLine} start local`],
    };
  }
  if (sight.reason !== null) {
    const { message, hint } = sight.reason;
    if (message === watched.told) return { next, lines: [] };
    const atOnce = `It is tried again every half minute; at once: ${commandLine} start local`;
    return {
      next: { ...next, told: message },
      lines: ['The agent does not start:', ...message.split('\n'), ...(hint === '' ? [] : [hint]), atOnce],
    };
  }
  if (next.looks >= LONG_LOOKS && watched.told === '') {
    return {
      next: { ...next, told: 'long' },
      lines: [`The agent does not come back. Its last words: ${commandLine} logs local`],
    };
  }
  return { next, lines: [] };
}
