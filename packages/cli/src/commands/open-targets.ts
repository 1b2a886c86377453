import type { Target } from '../deploy-types/target.ts';
import type { CommandContext, OpenOptions, Selection } from './command-context.ts';

type OpenerContext = Pick<CommandContext, 'output' | 'env' | 'signal'>;

/**
 * The ways to the selected hosts: ssh or this machine. Questions are asked at the terminal, and nowhere else. What speaks
 * ssh is read into memory only now.
 */
export async function openTargets(
  context: OpenerContext,
  selection: Selection,
  options: OpenOptions,
): Promise<Target[]> {
  const { output, env, signal } = context;
  const { createHosts } = await import('../ssh/create-hosts.ts');
  const { hasTerminal, terminalQuestions } = await import('./terminal-questions.ts');
  const hosts = createHosts(selection, {
    acceptNew: options.acceptNew,
    env,
    signal,
    ...(options.connectDeadlineMs === undefined ? {} : { deadlineMs: options.connectDeadlineMs }),
    ...(hasTerminal() ? terminalQuestions(output, signal, options.onQuestion) : {}),
  });
  return selection.selected.flatMap((settings, index) => {
    const host = hosts[index];
    return host === undefined ? [] : [{ settings, host }];
  });
}
