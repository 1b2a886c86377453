import { Readable } from 'node:stream';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import type { ScriptProcess } from '../hosts/script-session.ts';

/**
 * A login shell reads its start-up files before it runs a command, with the command's stdin and stdout: they may print
 * anything, and read what is not meant for them. So nothing counts before these lines.
 */
const INPUT_BEGINS = '=== mlxfleet input';
const OUTPUT_BEGINS = '=== mlxfleet output';

/** Exit code of a command whose input ended before it began: a start-up file has read it. */
export const INPUT_TAKEN = 76;

/** A host that is short of memory may take long to start a shell; one that has not by then never will: 60 s. */
const START_LIMIT_MS = 60_000;

/** Output before the beginning that is kept for an error message. */
const KEPT_BYTES = 16 * 1024;

/** What goes before the input of a session: lines for start-up files that ask for one or two, then the beginning. */
export const INPUT_PREFACE = `${'\n'.repeat(8)}${INPUT_BEGINS}\n`;

/** Posix commands that skip the session's input up to its beginning; what follows them reads the rest. */
export const SKIP_TO_INPUT = [
  'while :; do',
  `IFS= read -r line || exit ${String(INPUT_TAKEN)}`,
  `case $line in *"${INPUT_BEGINS}") break ;; esac`,
  'done',
].join('\n');

/** Command line, under any login shell, that runs the script in its input. Without quotes that shells disagree about. */
export const SHELL_COMMAND = `exec /bin/sh -c '${SKIP_TO_INPUT.replaceAll('do\n', 'do ').replaceAll('\n', '; ')}; printf "\\n%s\\n" "${OUTPUT_BEGINS}"; exec /bin/sh -s'`;

/** The hint for a host whose start-up files take the input of commands. */
export const INPUT_TAKEN_HINT =
  'Something in a start-up file of the login shell on the host (such as ~/.bashrc or ~/.zshenv) reads its input. Make it do that only in a terminal.';

/** A session that runs SHELL_COMMAND as the script alone: its stdin is that of the script, and so is its stdout. */
export function startedShell(session: ScriptProcess, host: string): ScriptProcess {
  session.stdin.write(INPUT_PREFACE);
  const stdout = new Readable({ read: () => undefined });
  let before = Buffer.alloc(0);
  let hasBegun = false;
  session.stdout.on('data', (chunk: Buffer) => {
    if (hasBegun) {
      stdout.push(chunk);
      return;
    }
    before = Buffer.concat([before, chunk]);
    const mark = before.indexOf(`\n${OUTPUT_BEGINS}\n`);
    hasBegun = mark >= 0;
    if (hasBegun) {
      clearTimeout(timer);
      stdout.push(before.subarray(mark + OUTPUT_BEGINS.length + 2));
    } else if (before.length > 2 * KEPT_BYTES) before = before.subarray(-KEPT_BYTES);
  });
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(inputTaken(host, `has not begun a script within ${String(START_LIMIT_MS / 1000)} s`));
    session.kill();
  }, START_LIMIT_MS);
  const complete = async (): Promise<number | null> => {
    try {
      const exitCode = await Promise.race([session.ended, late.promise]);
      if (!hasBegun && exitCode === INPUT_TAKEN) throw inputTaken(host, 'has read the script');
      return exitCode;
    } finally {
      clearTimeout(timer);
      // What came instead of a beginning tells why there was none.
      if (!hasBegun) stdout.push(before);
      const ended = new Promise((resolve) => stdout.once('end', resolve));
      stdout.push(null);
      await ended;
    }
  };
  const ended = complete();
  // An abort may make the caller leave before the session has ended.
  ended.catch(() => undefined);
  return { ...session, stdout, ended };
}

function inputTaken(host: string, what: string): CodedError {
  return new CodedError(ERRORS.SCRIPT_BROKEN, `${host}: the login shell ${what}`, { hint: INPUT_TAKEN_HINT });
}
