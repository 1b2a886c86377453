import type { HostOutcome } from '../deploy-types/deploy-observer.ts';
import type { Paint } from './colours.ts';
import { logLine } from './log-line.ts';
import { plainText } from './plain-text.ts';
import { formatSeconds } from './quantities.ts';
import { wrap } from './text-width.ts';

/** What to call a rollout in the past tense. */
export type RolloutVerb = 'deploy' | 'rollback';

/** Lines under a mark, broken at the width and indented below it. */
function marked(mark: string, text: string, columns: number): string[] {
  return plainText(text)
    .split('\n')
    .flatMap((line) => wrap(line, columns - 4))
    .map((line, index) => (index === 0 ? `  ${mark} ${line}` : `    ${line}`));
}

const EVIDENCE = '  | ';

/** The agent's own lines are JSON; a person reads them better otherwise. */
function evidenceLine(line: string, paint: Paint): string {
  return line.startsWith(EVIDENCE) ? EVIDENCE + logLine(line.slice(EVIDENCE.length), paint) : line;
}

/** For each host where it went wrong: what, the host's last words and what serves now, and what to do. */
export function failureLines(
  verb: RolloutVerb,
  outcomes: readonly HostOutcome[],
  columns: number,
  paint: Paint,
): string[] {
  return outcomes.flatMap(({ name, error }) => {
    if (error === null) return [];
    const [first = '', ...rest] = plainText(error.message).trimEnd().split('\n');
    // What a step had printed so far explains a failure, not an interruption.
    const told = error.code === 'INTERRUPTED' ? rest.filter((line) => !line.startsWith(EVIDENCE)) : rest;
    const arrow = paint('cyan', '→');
    return [
      '',
      ...wrap(`✖ ${name}: ${first} (${error.code})`, columns).map((line, index) =>
        index === 0 ? paint('red', line) : `  ${line}`,
      ),
      ...told.map((line) => `  ${evidenceLine(line, paint)}`),
      ...(error.hint === null ? [] : marked(arrow, error.hint, columns)),
      ...marked(arrow, `Then: mlxfleet ${verb} ${name}`, columns),
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
