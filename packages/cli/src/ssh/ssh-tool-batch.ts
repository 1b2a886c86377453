import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { quote } from '../remote-commands/quote.ts';
import { askAlone, LIMIT_MS, overdue, type ToolAnswer, type ToolCall } from './ssh-tool-alone.ts';

/** A call, and where its answer goes. */
export interface WaitingCall extends ToolCall {
  /** The same as text of a shell. */
  readonly quoted: string;
  readonly resolve: (answer: ToolAnswer | Promise<ToolAnswer>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs all calls at the same time as children of one shell, since each child of this process stops it for 10 ms and
 * more. Their output goes to files: on one pipe that of several programs would mix. `exec` takes the program and no
 * function of the same name. A signal goes on to the programs.
 */
const SCRIPT = String.raw`
shells=
ask() {
  number=$1
  shift
  (
    (exec "$@" </dev/null >"$folder/$number.out" 2>"$folder/$number.err") &
    program=$!
    trap 'kill "$program" 2>/dev/null; wait "$program"' TERM
    wait "$program"
    code=$?
    printf 'end\n' >>"$folder/$number.out" && printf '%s %s\n' "$number" "$code"
  ) &
  shells="$shells $!"
}
trap 'kill $shells 2>/dev/null; wait; exit 1' TERM INT HUP
`;

/** Written after what a program printed: a full disk must not make half an answer look whole. */
const END = 'end\n';

/** Answers calls of one environment. Whatever one shell cannot tell for sure is asked of the program alone. */
export async function askTogether(calls: readonly WaitingCall[], env: NodeJS.ProcessEnv): Promise<void> {
  const open = new Map(calls.map((call, index) => [String(index), call]));
  const folder = await mkdtemp(path.join(tmpdir(), 'mlxfleet-ssh-')).catch(() => null);
  if (folder !== null) {
    const asks = calls.map(({ quoted }, index) => `ask ${String(index)} ${quoted}`);
    const lines = [`folder=${quote(folder)}`, SCRIPT, ...asks, 'wait', ''];
    const shell = spawn('/bin/sh', ['-s'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    const limit = setTimeout(() => {
      for (const call of open.values()) call.reject(overdue(call.program));
      open.clear();
      shell.kill();
    }, LIMIT_MS);
    await answers(shell, lines.join('\n'), (number, exitCode) => {
      const call = open.get(number);
      const answer = call === undefined ? null : readAnswer(path.join(folder, number), exitCode);
      if (call === undefined || answer === null) return;
      open.delete(number);
      call.resolve(answer);
    });
    clearTimeout(limit);
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
  for (const call of open.values()) call.resolve(askAlone(call));
}

/** Runs the script, and reports each program that ended; resolves when the shell is gone or never came. */
async function answers(
  shell: ChildProcess,
  script: string,
  onEnd: (number: string, exitCode: number) => void,
): Promise<void> {
  const { stdin, stdout } = shell;
  if (stdin === null || stdout === null) return;
  // A shell that is gone does not read; its calls are asked alone.
  stdin.on('error', () => undefined);
  createInterface({ input: stdout }).on('line', (line) => {
    const [, number, code] = /^(\d+) (\d+)$/.exec(line) ?? [];
    if (number !== undefined) onEnd(number, Number(code));
  });
  await new Promise<void>((resolve) => {
    shell.on('error', () => resolve());
    shell.on('close', () => resolve());
    stdin.end(script);
  });
}

/** Null where the shell's own codes hide what happened (not found, not executable, ended by a signal). */
function readAnswer(file: string, exitCode: number): ToolAnswer | null {
  if (exitCode >= 126 && exitCode < 255) return null;
  try {
    // Read at once: the files are small, and twenty hosts would wait longer for a thread than for the disk.
    const stdout = readFileSync(`${file}.out`, 'utf8');
    if (!stdout.endsWith(END)) return null;
    return { exitCode, stdout: stdout.slice(0, -END.length), stderr: readFileSync(`${file}.err`, 'utf8') };
  } catch {
    return null;
  }
}
