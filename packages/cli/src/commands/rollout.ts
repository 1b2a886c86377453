import type { DeployDocument } from '@mlxfleet/protocol';
import type { DeployObserver } from '../deploy-types/deploy-observer.ts';
import { combinedExitCode } from '../exit-codes.ts';
import { jsonReporter } from '../output/json-reporter.ts';
import { failureLines, type RolloutVerb, summaryLine } from '../output/rollout-summary.ts';
import { plainReporter, type RolloutReporter } from '../output/rollout-reporter.ts';
import type { CommandContext } from './command-context.ts';

async function reporterFor(context: CommandContext, hosts: readonly string[]): Promise<RolloutReporter> {
  const { output, env } = context;
  if (output.json) return jsonReporter(output);
  const isLive = output.isTerminal && env['CI'] === undefined && env['TERM'] !== 'dumb';
  if (!isLive) return plainReporter(hosts, (line) => output.print(line));
  const { liveReporter } = await import('../output/live-reporter.ts');
  return liveReporter(hosts, output);
}

/** Something that a dry run would do to a host. */
interface PlannedLine {
  readonly host: string;
  readonly text: string;
}

/** What a rollout came to. */
export interface RolloutResult {
  readonly document: DeployDocument;
  /** What a dry run found that it would change, one line each; null where changes were made. */
  readonly plan: readonly PlannedLine[] | null;
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
): Promise<number> {
  const { output } = context;
  const reporter = await reporterFor(context, hosts);
  const startedMs = performance.now();
  const { document, plan } = await reporter.show(async () => work(reporter.observer));
  const seconds = (performance.now() - startedMs) / 1000;

  if (output.json) {
    for (const line of plan ?? []) output.event({ event: 'plan', ...line });
    output.document(document);
  } else {
    for (const { host, text } of plan ?? []) output.print(`${host}: ${text}`);
    for (const line of failureLines(verb, document.hosts, output.columns, output.paintError))
      output.notice(line);
    output.print(summaryLine(document.hosts, seconds, plan !== null));
  }
  return combinedExitCode(
    document.hosts.map(({ outcome, error }) => ({
      failed: error !== null || (outcome !== 'changed' && outcome !== 'unchanged'),
      unreachable: outcome === 'unreachable',
      code: error?.code ?? null,
    })),
  );
}
