import type { HostOutcome } from '../deploy-types/deploy-observer.ts';
import { errorKind, type ErrorKind } from '../errors.ts';
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

/** A line of an error's message. The agent's own lines are JSON; a person reads them better otherwise. */
export function evidenceLine(line: string, paint: Paint): string {
  return line.startsWith(EVIDENCE) ? EVIDENCE + logLine(line.slice(EVIDENCE.length), paint) : line;
}

/** Failures that are no fault of the release: the same rollback works once they are out of the way. */
const IN_THE_WAY: ReadonlySet<ErrorKind> = new Set(['unreachable', 'host-key', 'login', 'lock']);

/** What to run once the hint was followed. A rollback that failed of its release would fail again. */
function nextSteps(verb: RolloutVerb, { name, outcome }: HostOutcome, code: string): string[] {
  // It is deployed: only what follows on that failed.
  if (outcome === 'changed') return [];
  if (verb === 'deploy') return [`Then: mlxfleet deploy ${name}`];
  if (IN_THE_WAY.has(errorKind(code))) return ['Then run the same command again.'];
  if (code !== 'GATE_FAILED') return [];
  return [`Or another release: mlxfleet releases ${name}, then mlxfleet rollback --to RELEASE ${name}`];
}

/** For each host where it went wrong: what, the host's last words and what serves now, and what to do. */
export function failureLines(
  verb: RolloutVerb,
  outcomes: readonly HostOutcome[],
  columns: number,
  paint: Paint,
): string[] {
  return outcomes.flatMap((outcome) => {
    const { name, error } = outcome;
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
      ...nextSteps(verb, outcome, error.code).flatMap((step) => marked(arrow, step, columns)),
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
