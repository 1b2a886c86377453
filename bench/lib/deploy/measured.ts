import type { FleetHost } from '../../../test/e2e/fleet/fleet-host.ts';
import type { ToolResult } from '../../../test/e2e/fleet/run-tool.ts';
import { median } from '../statistics.ts';

/** One command: its wall time, and what a host's sshd was asked for meanwhile. */
export interface Measured {
  readonly milliseconds: number;
  readonly connections: number;
  readonly sessions: number;
}

/** The same command over several rounds. */
export interface Figures {
  readonly rounds: number;
  readonly medianMs: number;
  readonly fastestMs: number;
  readonly slowestMs: number;
  /** The most that sshd counted in one round. */
  readonly connections: number;
  readonly sessions: number;
}

/**
 * Measures a command that has to succeed.
 * @throws Error with the end of what it printed when it fails.
 */
export async function measure(host: FleetHost, command: () => Promise<ToolResult>): Promise<Measured> {
  let milliseconds = 0;
  const { connections, sessions } = await host.countSshdDuring(async () => {
    const start = performance.now();
    const result = await command();
    milliseconds = performance.now() - start;
    requireSuccess(result);
  });
  return { milliseconds, connections, sessions };
}

/** Waits for a command that has to succeed. */
export async function mustSucceed(command: Promise<ToolResult>): Promise<void> {
  requireSuccess(await command);
}

function requireSuccess({ exitCode, stdout, stderr }: ToolResult): void {
  if (exitCode !== 0) throw new Error(`exit code ${String(exitCode)}:\n${(stdout + stderr).slice(-2000)}`);
}

export function summarize(rounds: readonly Measured[]): Figures {
  const times = rounds.map(({ milliseconds }) => milliseconds);
  return {
    rounds: rounds.length,
    medianMs: Math.round(median(times)),
    fastestMs: Math.round(Math.min(...times)),
    slowestMs: Math.round(Math.max(...times)),
    connections: Math.max(...rounds.map(({ connections }) => connections)),
    sessions: Math.max(...rounds.map(({ sessions }) => sessions)),
  };
}
