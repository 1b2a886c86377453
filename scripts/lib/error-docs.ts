import type { ErrorDefinition } from '../../packages/protocol/src/index.ts';

/** A group of errors in docs/errors.md. */
export interface ErrorGroup {
  readonly title: string;
  readonly introduction: string;
  readonly errors: readonly ErrorDefinition[];
}

function isDefinition(value: unknown): value is ErrorDefinition {
  if (typeof value !== 'object' || value === null) return false;
  return 'code' in value && 'when' in value && 'hint' in value && typeof value.code === 'string';
}

/** Every error definition in the exports of a catalog module: exported one by one, or in objects of them. */
export function definitionsIn(catalog: Readonly<Record<string, unknown>>): ErrorDefinition[] {
  const found = new Map<string, ErrorDefinition>();
  const visit = (value: unknown): void => {
    if (isDefinition(value)) found.set(value.code, value);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(visit);
  };
  Object.values(catalog).forEach(visit);
  return [...found.values()].toSorted((left, right) => left.code.localeCompare(right.code));
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ');
}

function statusOf(error: ErrorDefinition): string {
  return 'status' in error && typeof error.status === 'number' ? `${error.status} ` : '';
}

/** docs/errors.md. */
export function errorDocs(groups: readonly ErrorGroup[]): string {
  const sections = groups.map(({ title, introduction, errors }) => {
    const rows = errors.map(
      (error) => `| \`${error.code}\` | ${statusOf(error)}${cell(error.when)} | ${cell(error.hint)} |`,
    );
    return [
      `## ${title}`,
      '',
      introduction,
      '',
      '| code | when | what to do |',
      '|---|---|---|',
      ...rows,
      '',
    ].join('\n');
  });
  return [
    '# Errors',
    '',
    'Every error that mlxfleet expects has a stable code. The command line prints the message and a hint; `-v` adds the',
    'code and the chain of causes, and `--json` carries all three. Written by `scripts/generate-error-docs.ts`.',
    '',
    ...sections,
  ].join('\n');
}
