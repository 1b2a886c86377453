import { CodedError, type ExecDocument, JSON_SCHEMA_VERSION } from '@mlxfleet/protocol';
import { type ExecResult, execOnHost } from '../actions/exec-on-host.ts';
import { ERRORS } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { plainText } from '../output/plain-text.ts';
import { type CommandContext, selectionOf } from './command-context.ts';
import { HostPrefix } from './host-prefix.ts';
import { errorField, exitCodeOfResults, type HostResult, onEachHost, reportErrors } from './on-each-host.ts';
import { withTargets } from './with-targets.ts';

/** One host: its own exit code. Several: 1 when it was not 0 everywhere. */
function exitCodeOfCommand(results: readonly HostResult<ExecResult>[]): number {
  const failed = exitCodeOfResults(results);
  if (failed !== EXIT.done) return failed;
  const codes = results.map(({ value }) => value?.exitCode ?? 0);
  const [only] = codes;
  if (codes.length === 1 && only !== undefined) return only;
  return codes.every((code) => code === 0) ? EXIT.done : EXIT.failed;
}

/** `mlxfleet exec`. */
export async function runExec(
  context: CommandContext,
  names: readonly string[],
  command: readonly string[],
  options: { readonly acceptNew?: boolean },
): Promise<number> {
  const { output, signal } = context;
  if (command.length === 0) {
    throw new CodedError(ERRORS.WRONG_USAGE, 'the command is missing', {
      hint: 'It stands after --, for example: mlxfleet exec air -- uptime',
    });
  }
  const selection = await selectionOf(context, names);
  const prefix = new HostPrefix(
    selection.selected.map((host) => host.name),
    output.paint,
  );
  return withTargets(context, selection, { acceptNew: options.acceptNew === true }, async (targets) => {
    const results = await onEachHost(targets, async (target) =>
      execOnHost(
        target,
        command,
        (stream, line) => {
          if (output.json) return;
          const text = prefix.line(target.settings.name, plainText(line));
          if (stream === 'stdout') output.print(text);
          else output.notice(text);
        },
        signal,
      ),
    );
    if (output.json) {
      const document: ExecDocument = {
        schemaVersion: JSON_SCHEMA_VERSION,
        hosts: results.map((result) => ({
          name: result.name,
          exitCode: result.value?.exitCode ?? null,
          stdout: result.value?.stdout ?? '',
          stderr: result.value?.stderr ?? '',
          error: errorField(result),
        })),
      };
      output.document(document);
    }
    reportErrors(context, results);
    return exitCodeOfCommand(results);
  });
}
