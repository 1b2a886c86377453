import { CodedError, type ErrorDocument, JSON_SCHEMA_VERSION } from '@mlxfleet/protocol';
import type { Output } from './output.ts';
import { plainText } from './plain-text.ts';

export interface PrintErrorOptions {
  /** `-v`: adds the chain of causes with their stacks. */
  readonly verbose: boolean;
}

function causes(error: Error): string[] {
  const lines: string[] = [];
  let cause: unknown = error.cause;
  for (let depth = 0; cause !== undefined && cause !== null && depth < 10; depth += 1) {
    const text = cause instanceof Error ? (cause.stack ?? cause.message) : JSON.stringify(cause);
    lines.push(`caused by: ${text}`);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return lines;
}

/** What a person reads of an error: message and hint of a known one, the stack of any other. */
function errorText(error: unknown, options: PrintErrorOptions): { message: string; hint: string | null } {
  if (error instanceof CodedError) {
    const extra = options.verbose ? [`(${error.code})`, error.stack ?? '', ...causes(error)] : [];
    return { message: [error.message, ...extra].join('\n'), hint: error.hint };
  }
  if (error instanceof Error) {
    return {
      message: [error.stack ?? error.message, ...causes(error)].join('\n'),
      hint: 'This is a fault in mlxfleet. Please report it with the lines above.',
    };
  }
  return { message: String(error), hint: null };
}

/** The one place that prints errors. With `--json` the error is also the document. */
export function printError(output: Output, error: unknown, options: PrintErrorOptions): void {
  const { message, hint } = errorText(error, options);
  output.notice(`${output.paintError('red', 'error:')} ${plainText(message)}`);
  if (hint !== null) output.notice(`${output.paintError('cyan', 'hint:')}  ${plainText(hint)}`);
}

/** Says what works and may not be what the person wants. */
export function printWarning(output: Output, message: string): void {
  output.notice(`${output.paintError('yellow', 'warning:')} ${plainText(message)}`);
}

/** Whether the text has the name as a word of its own. */
function names(text: string, name: string): boolean {
  return text.split(/[^\w.-]+/).some((word) => word === name || word === `${name}.`);
}

/**
 * What to do about errors that the rows of a table have told. The host is named where neither the hint nor a single row
 * tells it already.
 */
export function printHints(
  output: Output,
  rows: readonly { readonly name: string; readonly error: { readonly hint: string | null } | null }[],
): void {
  for (const { name, error } of rows) {
    const hint = error?.hint ?? null;
    if (hint === null) continue;
    const host = rows.length === 1 || names(hint, name) ? '' : `${name}: `;
    output.notice(`${output.paintError('cyan', 'hint:')}  ${host}${plainText(hint)}`);
  }
}

/** The document of a command that failed before it had its own. */
export function errorDocument(error: unknown): ErrorDocument {
  const isCoded = error instanceof CodedError;
  return {
    schemaVersion: JSON_SCHEMA_VERSION,
    error: {
      code: isCoded ? error.code : 'UNEXPECTED',
      message: error instanceof Error ? error.message : String(error),
      hint: isCoded ? error.hint : null,
    },
  };
}
