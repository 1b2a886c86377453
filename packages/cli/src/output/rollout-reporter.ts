import type { DeployObserver } from '../deploy-types/deploy-observer.ts';
import { plainLine } from './plain-text.ts';
import { pad, textWidth } from './text-width.ts';

/** Shows a rollout while it happens. */
export interface RolloutReporter {
  readonly observer: DeployObserver;
  /** Shows the rollout until `work` ends, and answers what it answers. */
  show<T>(work: () => Promise<T>): Promise<T>;
}

/** Lines `host  step  detail`, each as soon as it is true: for pipes, log files and CI. A dry run changes no host. */
export function plainReporter(
  hosts: readonly string[],
  write: (line: string) => void,
  isDryRun = false,
): RolloutReporter {
  const width = Math.max(0, ...hosts.map(textWidth));
  const line = (host: string, word: string, detail: string): void => {
    write(`${pad(host, width)}  ${pad(word, 7)}  ${plainLine(detail)}`.trimEnd());
  };
  return {
    observer: {
      hostStep: (host, step, state, detail) => {
        if (state === 'done') line(host, step, detail === '' ? 'done' : detail);
        if (state === 'failed') line(host, step, `failed: ${detail}`);
      },
      hostNotice: (host, text) => line(host, 'notice', text),
      hostOutcome: (host, { outcome, error }) => {
        // What happened is told in full below the last line of all hosts.
        const word = isDryRun && outcome === 'changed' ? 'would change' : outcome;
        line(host, word, error?.message.split('\n')[0] ?? '');
      },
    },
    show: async (work) => work(),
  };
}
