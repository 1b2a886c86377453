/** Something this machine lacks. Printed as message and hint, without a stack. */
export class SetupError extends Error {
  /** What the reader can do about it. */
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = 'SetupError';
    this.hint = hint;
  }
}

/** Runs a script's main function; the one place where its errors are printed. Answers with the exit code. */
export async function runMain(main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(`\n${describe(error)}\n`);
  }
}

function describe(error: unknown): string {
  if (error instanceof SetupError) return error.hint ? `${error.message}\n${error.hint}` : error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
