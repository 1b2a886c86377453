import type { DeployObserver } from '../deploy-types/deploy-observer.ts';
import type { Output } from './output.ts';
import { plainLine, plainText } from './plain-text.ts';
import type { RolloutReporter } from './rollout-reporter.ts';

/** Progress of a host is told this often: an upload has some hundred times as much to say. */
const PROGRESS_EVERY_MS = 1000;

/** Tells a rollout as events on stderr, for CI. */
export function jsonReporter(output: Output): RolloutReporter {
  const toldMs = new Map<string, number>();
  const observer: DeployObserver = {
    hostStep: (host, step, state, detail) => {
      const now = performance.now();
      const isSoon = now - (toldMs.get(host) ?? -Infinity) < PROGRESS_EVERY_MS;
      if (state === 'progress' && isSoon) return;
      if (state === 'progress') toldMs.set(host, now);
      output.event({ event: 'step', host, step, state, detail: plainLine(detail) });
    },
    hostNotice: (host, text) => output.event({ event: 'notice', host, text: plainText(text) }),
    hostOutcome: (host, { outcome, error }) => output.event({ event: 'outcome', host, outcome, error }),
  };
  return { observer, show: async (work) => work() };
}
