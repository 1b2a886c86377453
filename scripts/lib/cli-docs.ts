import type { buildProgram } from '../../packages/cli/src/program.ts';

type Command = ReturnType<typeof buildProgram>;
type Option = Command['options'][number];

/** Text as a table cell takes it. */
function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`);
}

function optionRow(option: Option): string {
  const isMeaningful = option.defaultValue !== undefined && typeof option.defaultValue !== 'boolean';
  const byDefault = isMeaningful ? ` (default: ${String(option.defaultValue)})` : '';
  return `| \`${cell(option.flags)}\` | ${cell(option.description)}${byDefault} |`;
}

function optionTable(options: readonly Option[]): string[] {
  return options.length === 0 ? [] : ['| option | |', '|---|---|', ...options.map(optionRow), ''];
}

/** Usage without the `[options]` that every command has. */
function usageOf(command: Command): string {
  return `mlxfleet ${command.name()} ${command.usage().replace('[options] ', '').replace('[options]', '')}`.trim();
}

const EXIT_CODES: readonly (readonly [number, string])[] = [
  [0, 'done; `status`: every host is healthy'],
  [1, 'failed on at least one host; `status`: some host is not healthy'],
  [2, 'wrong usage, or an inventory that is not valid'],
  [3, 'another command holds the lock of a host'],
  [4, 'none of the hosts was reached'],
  [130, 'interrupted'],
];

/** docs/cli.md. */
export function cliDocs(program: Command): string {
  const commands = program.commands.filter((command) => command.name() !== 'help');
  const list = commands.map(
    (command) => `| [\`${command.name()}\`](#${command.name()}) | ${cell(command.summary())} |`,
  );
  const sections = commands.map((command) =>
    [
      `## ${command.name()}`,
      '',
      '```',
      usageOf(command),
      '```',
      '',
      command.description(),
      '',
      ...optionTable(command.options),
    ].join('\n'),
  );
  return [
    '# Command line',
    '',
    '`mlxfleet [-i inventory.yaml] [--json] [--no-color] [-v] <command> [hosts|labels…]`. No host means every host.',
    'Options of every command may stand before or after it. Written by `scripts/generate-cli-docs.ts`.',
    '',
    ...optionTable(program.options),
    'The inventory is the file that `-i` or the variable `MLXFLEET_INVENTORY` names, else `./inventory.yaml`, else',
    '`~/.config/mlxfleet/inventory.yaml`.',
    '',
    '| command | |',
    '|---|---|',
    ...list,
    '',
    '## Exit codes',
    '',
    '| code | |',
    '|---|---|',
    ...EXIT_CODES.map(([code, meaning]) => `| ${code} | ${meaning} |`),
    '',
    '## Output',
    '',
    'Results go to stdout, everything else to stderr. `--json` prints exactly one document with `schemaVersion` on stdout;',
    'a command that fails before it has its own prints `{schemaVersion, error: {code, message, hint}}`. Colour is for',
    'terminals; `NO_COLOR` and `--no-color` refuse it. In a pipe, tables are tab-separated and nothing is cut.',
    '',
    'While `deploy`, `rollback` and `prune` run with `--json`, stderr carries one JSON object a line. A line that is none',
    'is an error in the arguments, before anything began. `time` is when it was told, `host` the name in the inventory.',
    '',
    '| `event` | other fields | |',
    '|---|---|---|',
    '| `step` | `time`, `host`, `step`, `state`, `detail` | a step of a host: `begin`, `progress` (of each host at most once a second; of `prune` each path), `done` or `failed` |',
    '| `notice` | `time`, `host`, `text` | a remark, and what hooks say; `host` is null for what concerns no host alone |',
    '| `plan` | `time`, `host`, `section`, `sign`, `text`, `details` | of a dry run: something that would be added (`+`), removed (`-`) or changed (`~`); `details` has what changes in it, each with `sign` and `text`. `section` is `release`, `environments`, `configuration`, `models`, `service`, `removal`, `room` or `hooks`; remarks have no sign |',
    '| `outcome` | `time`, `host`, `outcome`, `error` | the host is done with; one that is taken back with others has a second outcome, which counts |',
    '',
    'The first Ctrl-C stops a command and undoes what is half done on hosts; the second one ends it at once.',
    '',
    ...sections,
  ].join('\n');
}
