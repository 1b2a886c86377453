import type { HostOutcome } from '../actions/deploy-observer.ts';
import type { Paint } from './colours.ts';
import { plainText } from './plain-text.ts';
import { formatSeconds } from './quantities.ts';

/** What to call a rollout in the past tense. */
export type RolloutVerb = 'deploy' | 'rollback';

/** For each host where it went wrong: what, the host's last words and what serves now, and what to do. */
export function failureLines(verb: RolloutVerb, outcomes: readonly HostOutcome[], paint: Paint): string[] {
  return outcomes.flatMap((outcome) => {
    if (outcome.error === null) return [];
    const { code, message, hint } = outcome.error;
    const [first = '', ...rest] = plainText(message).trimEnd().split('\n');
    const hints = hint === null ? [] : plainText(hint).split('\n');
    return [
      '',
      `${paint('red', '✖')} ${paint('bold', outcome.name)}: ${first} ${paint('dim', `(${code})`)}`,
      ...rest.map((line) => `  ${line}`),
      ...[...hints, `Then: mlxfleet ${verb} ${outcome.name}`].map(
        (line) => `  ${paint('cyan', '→')} ${line}`,
      ),
    ];
  });
}

const COUNTED: readonly (readonly [HostOutcome['outcome'], string])[] = [
  ['changed', 'changed'],
  ['unchanged', 'unchanged'],
  ['rolled-back', 'rolled back'],
  ['failed', 'failed'],
  ['unreachable', 'unreachable'],
  ['skipped', 'skipped'],
];

/** One line: how many hosts ended how, or would, and how long it took. */
export function summaryLine(outcomes: readonly HostOutcome[], seconds: number, isDryRun = false): string {
  const counts = COUNTED.map(([kind, text]) => {
    const count = outcomes.filter(({ outcome }) => outcome === kind).length;
    if (count === 0) return null;
    return isDryRun && kind === 'changed' ? `${count} would change` : `${count} ${text}`;
  });
  const hosts = `${outcomes.length} ${outcomes.length === 1 ? 'host' : 'hosts'}`;
  return `${hosts}: ${counts.filter((text) => text !== null).join(', ')} in ${formatSeconds(seconds)}`;
}
