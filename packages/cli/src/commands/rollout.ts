import type { DeployDocument } from '@mlxfleet/protocol';
import type { DeployObserver } from '../deploy-types/deploy-observer.ts';
import { combinedExitCode } from '../exit-codes.ts';
import { failureLines, type RolloutVerb, summaryLine } from '../output/rollout-summary.ts';
import { plainReporter, type RolloutReporter } from '../output/rollout-reporter.ts';
import type { CommandContext } from './command-context.ts';

async function reporterFor(context: CommandContext, hosts: readonly string[]): Promise<RolloutReporter> {
  const { output, env } = context;
  const isLive = output.isTerminal && !output.json && env['CI'] === undefined && env['TERM'] !== 'dumb';
  if (!isLive) {
    return plainReporter(hosts, (line) => (output.json ? output.notice(line) : output.print(line)));
  }
  const { liveReporter } = await import('../output/live-reporter.ts');
  return liveReporter(hosts, output);
}

/** What a rollout came to. */
export interface RolloutResult {
  readonly document: DeployDocument;
  /** What a dry run found that it would change; null where changes were made. */
  readonly plan: readonly string[] | null;
}

/** Runs a deploy or a rollback with its progress, failures and summary on the screen; answers the exit code. */
export async function showRollout(
  context: CommandContext,
  verb: RolloutVerb,
  hosts: readonly string[],
  work: (observer: DeployObserver) => Promise<RolloutResult>,
): Promise<number> {
  const { output } = context;
  const reporter = await reporterFor(context, hosts);
  const startedMs = performance.now();
  const { document, plan } = await reporter.show(async () => work(reporter.observer));
  const seconds = (performance.now() - startedMs) / 1000;

  const say = (line: string): void => (output.json ? output.notice(line) : output.print(line));
  for (const line of plan ?? []) say(line);
  for (const line of failureLines(verb, document.hosts, output.columns, output.paintError))
    output.notice(line);
  say(summaryLine(document.hosts, seconds, plan !== null));
  if (output.json) output.document(document);
  return combinedExitCode(
    document.hosts.map(({ outcome, error }) => ({
      failed: error !== null || (outcome !== 'changed' && outcome !== 'unchanged'),
      unreachable: outcome === 'unreachable',
      code: error?.code ?? null,
    })),
  );
}
