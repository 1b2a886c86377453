import { releases } from '../actions/releases.ts';
import { combinedExitCode } from '../exit-codes.ts';
import { printHints } from '../output/print-error.ts';
import { releasesLines, releasesTabSeparated } from '../output/releases-table.ts';
import type { CommandContext } from './command-context.ts';
import { endOf } from './on-each-host.ts';
import { withNamedTargets } from './with-targets.ts';

/** `mlxfleet releases`. */
export async function runReleases(context: CommandContext, names: readonly string[]): Promise<number> {
  const { output, signal } = context;
  return withNamedTargets(context, names, { acceptNew: false }, async (targets) => {
    const document = await releases(targets, signal);
    if (output.json) {
      output.document(document);
    } else {
      const lines = output.isTerminal
        ? releasesLines(document, output.columns, output.paint)
        : releasesTabSeparated(document);
      output.print(lines.join('\n'));
    }
    printHints(output, document.hosts);
    return combinedExitCode(document.hosts.map(({ error }) => endOf(error)));
  });
}
