import { CodedError, nearestName } from '@mlxfleet/protocol';
import { type Command, CommanderError } from 'commander';
import type { GlobalOptions } from './commands/command-context.ts';
import { ERRORS } from './errors.ts';
import type { Output } from './output/output.ts';
import { buildProgram, type Run } from './program.ts';

/** A command line that is understood: what to run, with the options that every command has. */
export interface ParsedArguments {
  readonly options: GlobalOptions;
  /** Null when all is said, as after `--help`. */
  readonly run: Run | null;
}

/** The command or option that was meant; null when none is near. Commander's own guesses are wilder. */
function meant(error: CommanderError, program: Command, command: Command | undefined): string | null {
  const [, word = ''] = /'(.*)'/.exec(error.message) ?? [];
  if (error.code === 'commander.unknownCommand') {
    return nearestName(
      word,
      program.commands.map((known) => known.name()),
    );
  }
  if (error.code !== 'commander.unknownOption' || !word.startsWith('--')) return null;
  const known = [program, ...(command === undefined ? [] : [command])].flatMap(({ options }) =>
    options.flatMap(({ long }) => (long?.startsWith('--') === true ? [long.slice(2)] : [])),
  );
  const nearest = nearestName(word.slice(2), [...known, 'help']);
  return nearest === null ? null : `--${nearest}`;
}

/** Commander's text for wrong usage, as message and hint. */
function usageError(error: CommanderError, program: Command, command: Command | undefined): CodedError {
  const message = error.message.replace(/^error: /, '');
  const help = command === undefined ? 'mlxfleet help' : `mlxfleet help ${command.name()}`;
  const suggestion = meant(error, program, command);
  const hint =
    suggestion === null ? `Run \`${help}\`.` : `Did you mean ${suggestion}? Run \`${help}\` for all of them.`;
  return new CodedError(ERRORS.WRONG_USAGE, message, { hint, cause: error });
}

function applyOutput(program: Command, output: Output, usage: string[]): void {
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .showSuggestionAfterError(false)
      .configureOutput({
        writeOut: (text) => output.write(text),
        // Errors are printed in one place, later; help that answers a missing command belongs to one.
        writeErr: (text) => usage.push(text),
        getOutHelpWidth: () => Math.min(output.columns, 100),
      });
  }
}

/** Understands a command line. Throws WRONG_USAGE with the nearest command or option. */
export async function parseArguments(argv: readonly string[], output: Output): Promise<ParsedArguments> {
  let run: Run | null = null;
  const usage: string[] = [];
  const program = buildProgram(argv, (chosen) => {
    run = chosen;
  });
  applyOutput(program, output, usage);
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { options: {}, run: null };
    if (error.code === 'commander.help') {
      output.notice(usage.join(''));
      throw new CodedError(ERRORS.WRONG_USAGE, 'a command is missing', { cause: error });
    }
    const known = new Map(program.commands.map((command) => [command.name(), command]));
    const named = argv.find((word) => known.has(word));
    throw usageError(error, program, named === undefined ? undefined : known.get(named));
  }
  return { options: program.opts<GlobalOptions>(), run };
}
