import { JSON_SCHEMA_VERSION, type ValidateDocument } from '@mlxfleet/protocol';
import { findInventory } from '../config/find-inventory.ts';
import { formatProblem, InventoryInvalidError } from '../config/inventory-problem.ts';
import { displayPath, loadInventory } from '../config/load-inventory.ts';
import { EXIT } from '../exit-codes.ts';
import { describeHooks, HOOK_EVENTS, hooksOf } from '../hooks/hook.ts';
import { plainLine } from '../output/plain-text.ts';
import { printError, printWarning } from '../output/print-error.ts';
import type { CommandContext } from './command-context.ts';

/** `mlxfleet validate`. */
export async function runValidate(context: CommandContext): Promise<number> {
  const { output, cwd, env } = context;
  const search = { option: context.options.inventory, cwd, env };
  const file = displayPath(findInventory(search), cwd);
  try {
    const { inventory, warnings } = await loadInventory(search);
    const hosts = Object.keys(inventory.hosts);
    const hooks = hooksOf(inventory, cwd);
    const document: ValidateDocument = {
      schemaVersion: JSON_SCHEMA_VERSION,
      file,
      valid: true,
      hosts,
      problems: [],
      warnings: [...warnings],
      hooks: HOOK_EVENTS.flatMap((event) => hooks.events[event].map((hook) => ({ event, ...hook }))),
    };
    for (const warning of warnings) printWarning(output, formatProblem(file, warning));
    if (output.json) {
      output.document(document);
    } else {
      output.print(
        `${output.paint('green', '✔')} ${file} is valid: ${hosts.length} ${hosts.length === 1 ? 'host' : 'hosts'} (${hosts.join(', ')})`,
      );
      for (const line of describeHooks(hooks, HOOK_EVENTS)) output.print(`  ${plainLine(line)}`);
    }
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof InventoryInvalidError)) throw error;
    printError(output, error, { verbose: context.options.verbose === true });
    const document: ValidateDocument = {
      schemaVersion: JSON_SCHEMA_VERSION,
      file,
      valid: false,
      hosts: [],
      problems: [...error.problems],
      warnings: [],
      hooks: [],
    };
    if (output.json) output.document(document);
    return EXIT.usage;
  }
}
