import { parsePageRanges } from '@mlxfleet/protocol';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import type { CommandContext } from './commands/command-context.ts';
import { VERSION } from './version.ts';

/** What a command does once its arguments are understood. Answers the exit code. */
export type Run = (context: CommandContext) => Promise<number>;

function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= minimum) return value;
    throw new InvalidArgumentError(`Expected a whole number, at least ${minimum}.`);
  };
}

function decimal(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`Expected a number from ${minimum} to ${maximum}.`);
  };
}

const SECONDS_PER_UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

function seconds(text: string): number {
  const [, amount, unit] = /^(\d+)([smhd]?)$/.exec(text) ?? [];
  if (amount === undefined) throw new InvalidArgumentError('Expected a time such as 90s, 10m, 2h or 1d.');
  return Number(amount) * (SECONDS_PER_UNIT[unit === '' ? 's' : (unit ?? 's')] ?? 1);
}

function secondsAboveZero(text: string): number {
  const value = seconds(text);
  if (value > 0) return value;
  throw new InvalidArgumentError('Expected a time above 0, for example 8s.');
}

function pages(text: string): string {
  if (parsePageRanges(text) !== null) return text;
  throw new InvalidArgumentError('Expected pages from 1, such as 3 or 1-3,5.');
}

const hosts = (): Argument => new Argument('[hosts...]', 'hosts or labels; none means every host');
const waitLock = (): Option =>
  new Option(
    '--wait-lock <time>',
    "wait this long for another command's lock: seconds, or a time such as 60s or 5m",
  ).argParser(seconds);
const acceptNew = (): Option =>
  new Option('--accept-new', 'trust hosts that ssh does not know yet, without asking');
const maxParallel = (): Option =>
  new Option('--max-parallel <n>', 'hosts at a time; default: rollout.max_parallel').argParser(
    wholeNumber(1),
  );

const SERVICE_ACTIONS = {
  start: 'Starts the agent on each host.',
  stop: 'Stops the agent on each host; it finishes running requests first.',
  restart: 'Stops the agent on each host and starts it again.',
} as const;

/** The words before and after `--`, which commander gives as one list. */
function splitAtDashes(
  argv: readonly string[],
  words: readonly string[],
): [before: string[], after: string[]] {
  const dashes = argv.indexOf('--');
  const after = dashes === -1 ? 0 : argv.length - dashes - 1;
  return [words.slice(0, words.length - after), words.slice(words.length - after)];
}

/**
 * The whole command line: every command with its options. What a command does is imported when it runs, so that
 * `mlxfleet --version` stays quick. Parsing hands the chosen command's work to `setRun`.
 */
export function buildProgram(argv: readonly string[], setRun: (run: Run) => void): Command {
  const program = new Command('mlxfleet')
    .description('Turns the Macs you own into one dependable LLM service.')
    .version(VERSION, '-V, --version', 'print the version')
    .option('-i, --inventory <file>', 'inventory; default: ./inventory.yaml')
    .option('--json', 'print one JSON document on stdout, everything else on stderr')
    .option('--no-color', 'no colour')
    .option('-v, --verbose', 'say more about errors')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help of a command')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();

  program
    .command('init')
    .summary('write an inventory')
    .description(
      'Writes a commented inventory.yaml, offering the hosts found in ~/.ssh/config and this machine.',
    )
    .option('--force', 'overwrite an existing file')
    .option('-y, --yes', 'ask nothing: this machine only')
    .action((options) =>
      setRun(async (context) => (await import('./commands/init.ts')).runInit(context, options)),
    );

  program
    .command('validate')
    .summary('check the inventory')
    .description(
      'Checks the inventory. Every problem names its file, line and path, and the nearest valid key.',
    )
    .action(() => setRun(async (context) => (await import('./commands/validate.ts')).runValidate(context)));

  program
    .command('doctor')
    .summary('check each host and say what to do')
    .description(
      'Checks this machine and each host, and says what to do about what it finds. Changes nothing.',
    )
    .addArgument(hosts())
    .addOption(acceptNew())
    .action((names, options) =>
      setRun(async (context) => (await import('./commands/doctor.ts')).runDoctor(context, names, options)),
    );

  program
    .command('deploy')
    .summary('install or upgrade to this version')
    .description(
      'Installs or upgrades to this version: canary hosts first, each judged by a real completion. A host whose new ' +
        'release fails goes back to the release before it.',
    )
    .addArgument(hosts())
    .option('--dry-run', 'say what would change, change nothing')
    .option('--clean', 'build environments anew and make a new release')
    .option('--only-stage', 'prepare everything on the hosts without switching')
    .option(
      '--continue',
      'go on with the other hosts after one has failed; a canary that fails still ends it',
    )
    .option('--model <id>', 'smoke-test model; default: smoke_test.model')
    .addOption(maxParallel())
    .addOption(waitLock())
    .addOption(acceptNew())
    .action((names, options) =>
      setRun(async (context) => (await import('./commands/deploy.ts')).runDeploy(context, names, options)),
    );

  program
    .command('rollback')
    .summary('go back to the previous good release')
    .description('Goes back to the previous good release, or to the one named. Needs no network but ssh.')
    .addArgument(hosts())
    .option('--to <release>', 'release to go to')
    .addOption(maxParallel())
    .addOption(waitLock())
    .addOption(acceptNew())
    .action((names, options) =>
      setRun(async (context) =>
        (await import('./commands/rollback.ts')).runRollback(context, names, options),
      ),
    );

  program
    .command('releases')
    .summary('list the releases on each host')
    .description('Lists the releases on each host: id, version, when, by whom, and state.')
    .addArgument(hosts())
    .action((names) =>
      setRun(async (context) => (await import('./commands/releases.ts')).runReleases(context, names)),
    );

  program
    .command('status')
    .summary('one table of the fleet')
    .description('Shows the fleet. Exit code 0: all healthy, 1: some not, 4: none reachable.')
    .addArgument(hosts())
    .option('-w, --watch', 'draw it again every two seconds')
    .option(
      '--timeout <time>',
      'seconds that a host may take to answer, or a time; default: 8s',
      secondsAboveZero,
    )
    .action((names, options) =>
      setRun(async (context) => (await import('./commands/status.ts')).runStatus(context, names, options)),
    );

  for (const action of ['start', 'stop', 'restart'] as const) {
    program
      .command(action)
      .summary(`${action} the agent`)
      .description(SERVICE_ACTIONS[action])
      .addArgument(hosts())
      .addOption(waitLock())
      .action((names, options) =>
        setRun(async (context) =>
          (await import('./commands/service.ts')).runService(context, action, names, options),
        ),
      );
  }

  program
    .command('logs')
    .summary('show logs of the agent or of a worker')
    .description(
      'Shows the last lines of the log on each host; lines of several hosts carry the name of theirs.',
    )
    .addArgument(hosts())
    .option('-f, --follow', 'go on with new lines until Ctrl-C')
    .option('-n, --lines <n>', 'lines from each host', wholeNumber(0), 100)
    .option('--since <time>', 'only lines of the last seconds, or of a time such as 10m', seconds)
    .option('--worker <model>', "the log of a model's worker instead of the agent's")
    .action((names, options) =>
      setRun(async (context) => (await import('./commands/logs.ts')).runLogs(context, names, options)),
    );

  program
    .command('load')
    .summary('load a model')
    .description('Loads a model on each host and waits until it is ready.')
    .argument('<model>', 'Hugging Face id, or folder name under shared/models')
    .addArgument(hosts())
    .option('--pin', 'keep it until it is unloaded by hand')
    .action((model, names, options) =>
      setRun(async (context) => (await import('./commands/load.ts')).runLoad(context, model, names, options)),
    );

  program
    .command('unload')
    .summary('unload a model')
    .description('Unloads a model on each host, after its running requests.')
    .argument('<model>', 'id of the model')
    .addArgument(hosts())
    .option('--force', 'end its running requests')
    .action((model, names, options) =>
      setRun(async (context) =>
        (await import('./commands/load.ts')).runUnload(context, model, names, options),
      ),
    );

  program
    .command('chat')
    .summary('ask a model')
    .description(
      'Streams the answer to a prompt, or to what stdin holds; without either, a conversation. The first word may ' +
        'name the host; otherwise the first one that answers is asked. A vision model is shown the files of --image: ' +
        'PNG, JPEG, WebP, GIF or AVIF images and PDFs, 5 images of 10 MB and PDFs of 32 MB with 20 pages in all unless ' +
        '`images` in the inventory says otherwise. In a conversation, `/image FILE` adds one to the next message, and ' +
        '`/help` lists what else there is.',
    )
    .argument('[host]', 'host to ask')
    .argument('[prompt...]', 'what to ask')
    .option(
      '-m, --model <id>',
      'default: a loaded model, else the first in the inventory; with --image one that is shown images',
    )
    .addOption(
      new Option('--image <file>', 'image or PDF to show with the prompt; give it again for more').argParser(
        (file: string, others: readonly string[] | undefined) => [...(others ?? []), file],
      ),
    )
    .addOption(
      new Option('--pages <ranges>', 'pages of all PDFs, such as 1-3,5; default: all of them').argParser(
        pages,
      ),
    )
    .option('--system <text>', 'system prompt')
    .option('--max-tokens <n>', 'longest answer', wholeNumber(1))
    .option('--temperature <t>', '0 is always the same answer', decimal(0, 2))
    .action((host, prompt, options) =>
      setRun(async (context) => {
        const words = host === undefined ? [] : [host, ...prompt];
        return (await import('./commands/chat.ts')).runChat(context, words, options);
      }),
    );

  program
    .command('exec')
    .summary('run a command on hosts')
    .description(
      'Runs a command on each host: `mlxfleet exec air -- df -h`. One word is a shell command line, several are a ' +
        "program and its arguments. Exit code 0 when it was 0 everywhere, else a single host's own code or 1. With " +
        '--json the first 8 MiB of each stream are kept; a last line says how many lines were left out. Ctrl-C ends ' +
        'what the command has started on the hosts too.',
    )
    .usage('[hosts...] -- <command...>')
    .argument('[words...]', 'hosts or labels, then --, then the command')
    .addOption(acceptNew())
    .action((words, options) =>
      setRun(async (context) => {
        const [names, command] = splitAtDashes(argv, words);
        return (await import('./commands/exec.ts')).runExec(context, names, command, options);
      }),
    );

  program
    .command('unlock')
    .summary('remove a stale lock')
    .description("Shows who holds a host's lock and removes it when its holder is gone.")
    .addArgument(hosts())
    .option('--force', 'remove it even while its holder lives')
    .action((names, options) =>
      setRun(async (context) => (await import('./commands/unlock.ts')).runUnlock(context, names, options)),
    );

  program
    .command('prune')
    .summary('remove what hosts no longer need')
    .description(
      'Removes from each host what nothing there can need any more: old releases, environments and programs that no ' +
        'release uses, parts of uploads after a day. Keeps the current release, the one to go back to, the last two that ' +
        'failed, and all models. A deploy does the same when it is done.',
    )
    .addArgument(hosts())
    .option('--dry-run', 'list what would go, change nothing')
    .addOption(
      new Option('--keep <n>', 'good releases to keep; default: keep_releases').argParser(wholeNumber(1)),
    )
    .option('--staged', 'remove releases that were staged and never switched to, too')
    .addOption(maxParallel())
    .addOption(waitLock())
    .addOption(acceptNew())
    .action((names, options) =>
      setRun(async (context) => (await import('./commands/prune.ts')).runPrune(context, names, options)),
    );

  program
    .command('uninstall')
    .summary('remove mlxfleet from hosts')
    .description('Removes the agent, its releases and environments from each host. Keeps models.')
    .addArgument(hosts())
    .option('-y, --yes', 'do not ask')
    .option('--purge-models', 'remove the models too')
    .addOption(waitLock())
    .action((names, options) =>
      setRun(async (context) =>
        (await import('./commands/uninstall.ts')).runUninstall(context, names, options),
      ),
    );

  program
    .command('completion')
    .summary('print shell completion')
    .description('Prints a script for your shell: eval "$(mlxfleet completion bash)"')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action((shell) =>
      setRun(async (context) =>
        (await import('./commands/completion.ts')).runCompletion(context, program, shell),
      ),
    );

  return program;
}
