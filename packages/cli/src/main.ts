#!/usr/bin/env node
import { CodedError } from '@mlxfleet/protocol';
import { openTargets } from './commands/open-targets.ts';
import { ERRORS } from './errors.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { installInterrupt } from './interrupt.ts';
import { Output } from './output/output.ts';
import { errorDocument, printError } from './output/print-error.ts';
import { parseArguments } from './parse-arguments.ts';

/** Options that must be known before the arguments are understood: how to print what is wrong with them. */
function printingOptions(argv: readonly string[]): { json: boolean; noColour: boolean; verbose: boolean } {
  const end = argv.indexOf('--');
  const words = end === -1 ? argv : argv.slice(0, end);
  return {
    json: words.includes('--json'),
    noColour: words.includes('--no-color'),
    verbose: words.includes('-v') || words.includes('--verbose'),
  };
}

/** The oldest Node with everything that commands use; package.json says the same. */
const OLDEST_NODE = [22, 19] as const;

function assertNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw new CodedError(ERRORS.NODE_TOO_OLD, `Node ${version} is too old: ${OLDEST_NODE.join('.')} is needed`);
}

/** Runs the command line. Answers its exit code; never throws. */
async function main(argv: readonly string[]): Promise<number> {
  const printing = printingOptions(argv);
  const output = new Output({
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    ...printing,
  });
  const interrupt = installInterrupt(output);
  try {
    assertNode(process.versions.node);
    const { options, run } = await parseArguments(argv, output);
    if (run === null) return EXIT.done;
    const { stdin, env } = process;
    const { signal } = interrupt;
    const exitCode = await run({
      output,
      stdin,
      options,
      cwd: process.cwd(),
      env,
      signal,
      openTargets: async (...selection) => openTargets({ output, env, signal }, ...selection),
    });
    return interrupt.signal.aborted ? EXIT.interrupted : exitCode;
  } catch (error) {
    if (interrupt.signal.aborted) {
      output.notice('Interrupted.');
      return EXIT.interrupted;
    }
    printError(output, error, printing);
    if (printing.json) output.document(errorDocument(error));
    return exitCodeOf(error);
  } finally {
    interrupt.dispose();
  }
}

process.exitCode = await main(process.argv.slice(2));
