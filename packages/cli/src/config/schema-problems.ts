import { inventorySchema, keysAt, nearestName } from '@mlxfleet/protocol';
import type { InventoryProblem } from './inventory-problem.ts';
import { formatPath, type Path, type YamlSource } from './yaml-source.ts';

/** The part of a schema issue that wording needs. */
interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly expected?: string | undefined;
  readonly keys?: readonly string[] | undefined;
  readonly values?: readonly unknown[] | undefined;
  readonly minimum?: number | bigint | undefined;
  readonly maximum?: number | bigint | undefined;
  readonly inclusive?: boolean | undefined;
  readonly origin?: string | undefined;
  readonly issues?: readonly Issue[] | undefined;
  readonly errors?: readonly (readonly Issue[])[] | undefined;
}

const KINDS: Readonly<Record<string, string>> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

/** What a value looks like to the person who wrote it. */
function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.entries(value).find(([key]) => key === String(part))?.[1];
  }
  return value;
}

function isSecretPath(path: Path): boolean {
  return path.at(-2) === 'keys' && path.includes('api');
}

/** One schema issue in a person's words. */
function wording(issue: Issue, value: unknown, path: Path): string {
  switch (issue.code) {
    case 'invalid_type': {
      if (value === undefined) return `"${String(path.at(-1))}" is missing`;
      const expected = KINDS[issue.expected ?? ''] ?? issue.expected ?? 'something else';
      return `expected ${expected}, found ${describe(value)}`;
    }
    case 'invalid_value': {
      if (value === undefined) return `"${String(path.at(-1))}" is missing`;
      const values = (issue.values ?? []).map(String);
      const [only] = issue.values ?? [];
      if (typeof value === 'string' && typeof only === 'number' && values.includes(value)) {
        return `expected the number ${value}, not a text: write it without quotes`;
      }
      return `expected ${values.join(', ')}; found ${describe(value)}`;
    }
    case 'too_small':
      if (issue.origin === 'string') return 'expected text, found an empty one';
      return `expected ${issue.inclusive === false ? 'a number above' : 'at least'} ${String(issue.minimum)}, found ${describe(value)}`;
    case 'too_big':
      return `expected ${issue.inclusive === false ? 'a number below' : 'at most'} ${String(issue.maximum)}, found ${describe(value)}`;
    case 'invalid_key':
      return `bad name: ${issue.issues?.[0]?.message ?? issue.message}`;
    case 'invalid_format':
      return `${issue.message.replace(/^Invalid /, 'expected a valid ')}, found ${describe(value)}`;
    default:
      return issue.message;
  }
}

/** Of a union's branches, the one that the value comes nearest to: an object where the value is one. */
function bestBranch(issue: Issue): readonly Issue[] {
  const branches = issue.errors ?? [];
  const withUnknownKeys = branches.find((branch) =>
    branch.some((inner) => inner.code === 'unrecognized_keys'),
  );
  return withUnknownKeys ?? branches[0] ?? [];
}

function toPath(path: readonly PropertyKey[]): Path {
  return path.map((part) => (typeof part === 'number' ? part : String(part)));
}

function translate(source: YamlSource, root: unknown, issue: Issue, base: Path): InventoryProblem[] {
  const path = [...base, ...toPath(issue.path)];
  const value = valueAt(root, path);

  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(inventorySchema, path);
    const used = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    const free = known.filter((key) => !used.includes(key));
    return (issue.keys ?? []).map((key) => {
      const keyPath = [...path, key];
      const { line, column } = source.placeOfKey(keyPath) ?? source.placeOfValue(path);
      const message =
        key === '<<' ? 'merge keys are not supported; put what hosts share in "defaults"' : 'unknown key';
      return { line, column, path: formatPath(keyPath), message, suggestion: nearestName(key, free) };
    });
  }

  const { line, column } =
    issue.code === 'invalid_key'
      ? (source.placeOfKey(path) ?? source.placeOfValue(path))
      : source.placeOfValue(path);
  const problem = { line, column, path: formatPath(path), suggestion: null };

  if (issue.code === 'invalid_union') {
    if (path.at(-2) === 'env' && typeof value === 'object' && value !== null) {
      const message = 'expected text, or a secret: { env: NAME } or { command: "…" }';
      return [
        { ...problem, message, suggestion: nearestName(Object.keys(value)[0] ?? '', ['env', 'command']) },
      ];
    }
    if (isSecretPath(path)) {
      const message = 'a secret is never written here: expected { env: NAME } or { command: "…" }';
      const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
      return [{ ...problem, message, suggestion: nearestName(keys[0] ?? '', ['env', 'command']) }];
    }
    if (issue.message !== 'Invalid input') return [{ ...problem, message: issue.message }];
    const inner = bestBranch(issue).flatMap((branchIssue) => translate(source, root, branchIssue, path));
    return inner.length > 0 ? inner : [{ ...problem, message: issue.message }];
  }

  const suggestion =
    issue.code === 'invalid_value' && typeof value === 'string'
      ? nearestName(
          value,
          (issue.values ?? []).filter((allowed) => typeof allowed === 'string'),
        )
      : null;
  return [{ ...problem, message: wording(issue, value, path), suggestion }];
}

/** The schema's issues about a parsed file, with places and the nearest valid keys. */
export function schemaProblems(
  source: YamlSource,
  root: unknown,
  issues: readonly Issue[],
): InventoryProblem[] {
  return issues.flatMap((issue) => translate(source, root, issue, []));
}
