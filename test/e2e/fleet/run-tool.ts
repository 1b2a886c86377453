import { spawn } from 'node:child_process';

export interface ToolResult {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ToolOptions {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Kills the program after this time; the promise then rejects. */
  readonly timeoutMs?: number;
}

/** Runs a program and collects what it prints, whatever its exit code. */
export function runTool(
  file: string,
  argv: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, argv, {
      stdio: 'pipe',
      cwd: options.cwd,
      env: options.env,
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (exitCode, signal) => {
      if (signal === 'SIGKILL' && options.timeoutMs !== undefined) {
        reject(
          new Error(`${file} ${argv.join(' ')} was killed after ${options.timeoutMs} ms\n${stdout}${stderr}`),
        );
      } else resolve({ exitCode, stdout, stderr });
    });
    // A program may end without reading its input.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** Runs a program that has to succeed; answers with its stdout. */
export async function mustRun(
  file: string,
  argv: readonly string[],
  options: ToolOptions = {},
): Promise<string> {
  const result = await runTool(file, argv, options);
  if (result.exitCode !== 0) {
    throw new Error(
      `${file} ${argv.join(' ')} failed (exit ${result.exitCode}): ${result.stderr || result.stdout}`,
    );
  }
  return result.stdout;
}
