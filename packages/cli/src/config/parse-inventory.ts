import { type Inventory, inventorySchema } from '@mlxfleet/protocol';
import { type CrossProblem, crossProblems } from './cross-checks.ts';
import { InventoryInvalidError, type InventoryProblem } from './inventory-problem.ts';
import { warningsOfThisVersion } from './not-in-this-version.ts';
import { settingsWithoutEffect } from './settings-without-effect.ts';
import { schemaProblems } from './schema-problems.ts';
import { formatPath, YamlSource } from './yaml-source.ts';

/** More would not be read; the first ones usually explain the rest. */
const MOST_PROBLEMS = 50;

function inOrder(problems: readonly InventoryProblem[]): InventoryProblem[] {
  return problems
    .toSorted((left, right) => left.line - right.line || left.column - right.column)
    .slice(0, MOST_PROBLEMS);
}

function wholeFile(message: string): InventoryProblem {
  return { line: 1, column: 1, path: '', message, suggestion: null };
}

function toValue(file: string, source: YamlSource): unknown {
  try {
    return source.toValue();
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    // The library words an alias without its anchor for people already.
    const isUnknown = error.message.startsWith('Unresolved alias');
    const message = isUnknown
      ? (error.message.split('\n')[0] ?? '')
      : 'its aliases repeat too much of the file';
    throw new InventoryInvalidError(file, [wholeFile(message)], 'some');
  }
}

function placed(source: YamlSource, problem: CrossProblem): InventoryProblem {
  const { path, related, suggestion = null } = problem;
  const { line, column } = source.placeOfValue(path);
  const message =
    related === undefined
      ? problem.message
      : `${problem.message} (see line ${source.placeOfValue(related).line})`;
  return { line, column, path: formatPath(path), message, suggestion };
}

/**
 * The inventory in a YAML text. `file` is how problems name it. Throws an InventoryInvalidError that carries every
 * problem: YAML first, then the schema, then what parts say of each other.
 * @param onWarning told, in the order of the file, what is valid and does nothing or not all in this version.
 */
export function parseInventory(
  file: string,
  text: string,
  onWarning: (warning: InventoryProblem) => void = () => undefined,
): Inventory {
  const source = new YamlSource(text);
  const yamlProblems = source.problems();
  if (yamlProblems.length > 0) throw new InventoryInvalidError(file, inOrder(yamlProblems), 'some');

  const value = toValue(file, source);
  if (value === null || value === undefined) {
    const message = 'the file is empty; an inventory begins with "version: 1" and "hosts:"';
    throw new InventoryInvalidError(file, [wholeFile(message)], 'some');
  }
  if (typeof value !== 'object' || Array.isArray(value)) {
    const message = 'expected a mapping with "version" and "hosts" at the top';
    throw new InventoryInvalidError(file, [wholeFile(message)], 'some');
  }

  const parsed = inventorySchema.safeParse(value);
  if (!parsed.success) {
    const problems = schemaProblems(source, value, parsed.error.issues);
    throw new InventoryInvalidError(file, inOrder(problems), 'some');
  }
  const problems = crossProblems(parsed.data).map((problem) => placed(source, problem));
  if (problems.length > 0) throw new InventoryInvalidError(file, inOrder(problems), 'all');
  const warnings = [...warningsOfThisVersion(parsed.data), ...settingsWithoutEffect(parsed.data)].map(
    (warning) => placed(source, warning),
  );
  for (const warning of inOrder(warnings)) onWarning(warning);
  return parsed.data;
}
