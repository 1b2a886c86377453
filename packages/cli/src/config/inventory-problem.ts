import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';

/** Something wrong in an inventory, with its place. */
export interface InventoryProblem {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Keys joined by dots, as in hosts.air.api; empty for the whole file. */
  readonly path: string;
  readonly message: string;
  /** The valid key or name that was likely meant. */
  readonly suggestion: string | null;
}

/** `file:line:col  path  message  (did you mean "key"?)` */
export function formatProblem(file: string, problem: InventoryProblem): string {
  const place = `${file}:${problem.line}:${problem.column}`;
  const parts = [place, problem.path, problem.message].filter((part) => part !== '');
  if (problem.suggestion !== null) parts.push(`(did you mean "${problem.suggestion}"?)`);
  return parts.join('  ');
}

const MORE_TO_CHECK =
  'Correct the places named, then run `mlxfleet validate` again: further checks follow once these are mended.';

/** Carries every problem of one inventory. Its message is one line for each. */
export class InventoryInvalidError extends CodedError {
  readonly file: string;
  readonly problems: readonly InventoryProblem[];

  /** @param checks what was checked: `some` where these problems hide others. */
  constructor(file: string, problems: readonly InventoryProblem[], checks: 'some' | 'all') {
    super(
      ERRORS.INVENTORY_INVALID,
      problems.map((problem) => formatProblem(file, problem)).join('\n'),
      checks === 'some' ? { hint: MORE_TO_CHECK } : {},
    );
    this.file = file;
    this.problems = problems;
  }
}
