import type { Command } from 'commander';
import { EXIT } from '../exit-codes.ts';
import type { CommandContext } from './command-context.ts';

export type Shell = 'bash' | 'zsh' | 'fish';

interface CommandWords {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly string[];
}

function wordsOf(program: Command): CommandWords[] {
  const shared = program.options.map((option) => option.long).filter((long) => long !== '--version');
  return program.commands.map((command) => ({
    name: command.name(),
    summary: command.summary(),
    options: [...command.options.map((option) => option.long), ...shared, '--help'].filter(
      (long) => typeof long === 'string',
    ),
  }));
}

function bash(commands: readonly CommandWords[]): string {
  const cases = commands.map(({ name, options }) => `    ${name}) words='${options.join(' ')}' ;;`);
  return `_mlxfleet() {
  local current=\${COMP_WORDS[COMP_CWORD]} command= word words
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      ${commands.map(({ name }) => name).join('|')}) command=$word; break ;;
    esac
  done
  case $command in
    '') words='${commands.map(({ name }) => name).join(' ')} help --inventory --json --no-color --verbose --version --help' ;;
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _mlxfleet mlxfleet
`;
}

function zsh(commands: readonly CommandWords[]): string {
  const described = commands.map(({ name, summary }) => `    '${name}:${summary.replaceAll("'", '')}'`);
  const cases = commands.map(({ name, options }) => `    ${name}) compadd -- ${options.join(' ')} ;;`);
  return `#compdef mlxfleet
_mlxfleet() {
  local -a commands
  commands=(
${described.join('\n')}
  )
  local word command=
  for word in "\${words[@]:1:CURRENT-2}"; do
    case $word in
      ${commands.map(({ name }) => name).join('|')}) command=$word; break ;;
    esac
  done
  if [[ -z $command ]]; then
    _describe command commands
    return
  fi
  case $command in
${cases.join('\n')}
  esac
  _files
}
compdef _mlxfleet mlxfleet
`;
}

function fish(commands: readonly CommandWords[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  const lines = commands.flatMap(({ name, summary, options }) => [
    `complete -c mlxfleet -n 'not __fish_seen_subcommand_from ${names}' -f -a ${name} -d '${summary.replaceAll("'", '')}'`,
    ...options.map(
      (option) => `complete -c mlxfleet -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}`,
    ),
  ]);
  return `${lines.join('\n')}\n`;
}

const WRITERS = { bash, zsh, fish } as const;

/** The completion script of one shell, from the program itself, so that it never lags behind. */
export function completionScript(program: Command, shell: Shell): string {
  return WRITERS[shell](wordsOf(program));
}

/** `mlxfleet completion`. */
export async function runCompletion(
  context: CommandContext,
  program: Command,
  shell: Shell,
): Promise<number> {
  context.output.write(completionScript(program, shell));
  return EXIT.done;
}
