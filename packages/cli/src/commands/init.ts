import { writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { CodedError, type InitDocument, JSON_SCHEMA_VERSION } from '@mlxfleet/protocol';
import { displayPath } from '../config/load-inventory.ts';
import { ERRORS } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { hostNameFrom, inventoryTemplate, type TemplateHost } from '../init/inventory-template.ts';
import { type SshConfigHost, sshConfigHosts } from '../init/ssh-config-hosts.ts';
import { plainLine } from '../output/plain-text.ts';
import { ask, canAsk } from './ask.ts';
import type { CommandContext } from './command-context.ts';

export interface InitOptions {
  readonly force?: boolean;
  readonly yes?: boolean;
}

const THIS_MACHINE: TemplateHost = { name: 'local', address: null };

function named(hosts: readonly SshConfigHost[]): TemplateHost[] {
  const taken = new Set([THIS_MACHINE.name]);
  return hosts.map(({ alias }) => {
    const wanted = hostNameFrom(alias);
    let name = wanted;
    for (let number = 2; taken.has(name); number += 1) name = `${wanted}-${number}`;
    taken.add(name);
    // The alias is the address, so that everything ssh_config says of it holds.
    return { name, address: alias };
  });
}

/** The numbers in an answer such as `1 3 4`, `all`, or nothing; null when it cannot be understood. */
export function chosenNumbers(answer: string, count: number): number[] | null {
  if (answer === '') return [];
  if (/^a(ll)?$/i.test(answer)) return Array.from({ length: count }, (_, index) => index + 1);
  const numbers = answer.split(/[\s,]+/).map(Number);
  const valid = numbers.every((number) => Number.isInteger(number) && number >= 1 && number <= count);
  return valid ? [...new Set(numbers)] : null;
}

async function chooseHosts(
  context: CommandContext,
  found: readonly SshConfigHost[],
): Promise<TemplateHost[]> {
  const offered = named(found);
  const { output } = context;
  if (offered.length > 0) {
    output.notice('Hosts in your ~/.ssh/config:');
    for (const [index, host] of found.entries()) {
      const address = host.hostName === null ? '' : `  ${plainLine(host.hostName)}`;
      output.notice(`  ${String(index + 1).padStart(2)}  ${plainLine(host.alias)}${address}`);
    }
    for (;;) {
      const answer = await ask(context, 'Which ones? Numbers, "all", or Enter for none: ');
      const numbers = chosenNumbers(answer, offered.length);
      if (numbers === null) {
        output.notice(`Please give numbers from 1 to ${offered.length}.`);
        continue;
      }
      const chosen = offered.filter((_, index) => numbers.includes(index + 1));
      const local = await ask(context, 'Add this machine too? [Y/n] ');
      return /^n/i.test(local) && chosen.length > 0 ? chosen : [...chosen, THIS_MACHINE];
    }
  }
  output.notice('No hosts in ~/.ssh/config; the inventory gets this machine only.');
  return [THIS_MACHINE];
}

/** `mlxfleet init`. */
export async function runInit(context: CommandContext, options: InitOptions): Promise<number> {
  const { output, cwd, env } = context;
  const file = path.resolve(cwd, context.options.inventory ?? 'inventory.yaml');
  const shown = displayPath(file, cwd);
  const hosts =
    options.yes !== true && canAsk(context)
      ? await chooseHosts(context, await sshConfigHosts(env['HOME'] ?? homedir()))
      : [THIS_MACHINE];
  try {
    await writeFile(file, inventoryTemplate(hosts), { flag: options.force === true ? 'w' : 'wx' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'EEXIST') throw new CodedError(ERRORS.INVENTORY_EXISTS, `${shown} already exists`);
    const reason = error instanceof Error ? error.message : String(error);
    throw new CodedError(ERRORS.INVENTORY_UNWRITABLE, `${shown} cannot be written: ${reason}`, {
      cause: error,
    });
  }
  const document: InitDocument = {
    schemaVersion: JSON_SCHEMA_VERSION,
    file: shown,
    hosts: hosts.map((host) => host.name),
  };
  if (output.json) {
    output.document(document);
  } else {
    output.print(`${output.paint('green', '✔')} ${shown} written: ${document.hosts.join(', ')}`);
    output.notice('Next: mlxfleet doctor, then mlxfleet deploy');
  }
  return EXIT.done;
}
