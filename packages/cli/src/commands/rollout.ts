import type { DeployDocument } from '@mlxfleet/protocol';
import type { DeployObserver } from '../deploy-types/deploy-observer.ts';
import { combinedExitCode } from '../exit-codes.ts';
import { jsonReporter } from '../output/json-reporter.ts';
import type { PlanSection } from '../phases/diff/plan-section.ts';
import { planEvents, planLines } from '../output/plan-lines.ts';
import { failureLines, type RolloutVerb, summaryLine } from '../output/rollout-summary.ts';
import { plainReporter, type RolloutReporter } from '../output/rollout-reporter.ts';
import type { CommandContext } from './command-context.ts';

async function reporterFor(
  context: CommandContext,
  hosts: readonly string[],
  isDryRun: boolean,
): Promise<RolloutReporter> {
  const { output, env } = context;
  if (output.json) return jsonReporter(output);
  const isLive = output.isTerminal && env['CI'] === undefined && env['TERM'] !== 'dumb';
  if (!isLive) return plainReporter(hosts, (line) => output.print(line), isDryRun);
  const { liveReporter } = await import('../output/live-reporter.ts');
  return liveReporter(hosts, output);
}

/** What a dry run would do to a host. */
interface PlannedHost {
  readonly host: string;
  readonly sections: readonly PlanSection[];
}

/** What a rollout came to. */
export interface RolloutResult {
  readonly document: DeployDocument;
  /** What a dry run found that it would change; null where changes were made. */
  readonly plan: readonly PlannedHost[] | null;
}

/**
 * Runs a deploy or a rollback with its progress, failures and summary on the screen, or as events and a document; answers
 * the exit code.
 */
export async function showRollout(
  context: CommandContext,
  verb: RolloutVerb,
  hosts: readonly string[],
  work: (observer: DeployObserver) => Promise<RolloutResult>,
  isDryRun = false,
): Promise<number> {
  const { output } = context;
  const reporter = await reporterFor(context, hosts, isDryRun);
  const startedMs = performance.now();
  const { document, plan } = await reporter.show(async () => work(reporter.observer));
  const seconds = (performance.now() - startedMs) / 1000;

  if (output.json) {
    for (const { host, sections } of plan ?? []) {
      for (const event of planEvents(host, sections)) output.event(event);
    }
    output.document(document);
  } else {
    for (const { host, sections } of plan ?? []) {
      for (const line of planLines(host, sections, output.columns, output.paint)) output.print(line);
    }
    for (const line of failureLines(verb, document.hosts, output.columns, output.paintError))
      output.notice(line);
    output.print(summaryLine(document.hosts, seconds, isDryRun));
  }
  return combinedExitCode(
    document.hosts.map(({ outcome, error }) => ({
      failed: error !== null || (outcome !== 'changed' && outcome !== 'unchanged'),
      unreachable: outcome === 'unreachable',
      code: error?.code ?? null,
    })),
  );
}
