import { expect, test } from 'vitest';
import type { HostOutcome } from '../deploy-types/deploy-observer.ts';
import { painter } from './colours.ts';
import { RolloutBoard } from './rollout-board.ts';
import { plainReporter } from './rollout-reporter.ts';
import { failureLines, summaryLine } from './rollout-summary.ts';
import { textWidth } from './text-width.ts';

const plain = painter(false);
const changed: HostOutcome = {
  name: 'air',
  outcome: 'changed',
  release: '20261123T040000Z-3f9ac2e1',
  previous: null,
  durationMs: 1000,
  error: null,
};
const failed: HostOutcome = {
  ...changed,
  name: 'mini',
  outcome: 'rolled-back',
  error: {
    code: 'GATE_FAILED',
    message: 'the new release did not answer\n  | Error: no such file\nThe old release x is serving again.',
    hint: 'See why: mlxfleet logs mini',
  },
};

function rollout(): RolloutBoard {
  const board = new RolloutBoard(['air', 'studio', 'mini']);
  board.hostStep('air', 'facts', 'begin', '');
  board.hostStep('air', 'facts', 'done', 'Apple M4, 32 GB, macOS 15.6, 212 GB free');
  board.hostStep('air', 'stage', 'begin', '');
  board.hostStep('air', 'stage', 'progress', '1 MB of 3 MB');
  board.hostStep('air', 'stage', 'progress', '18 MB of\n31 MB \u001B[31m');
  board.hostStep('mini', 'stage', 'begin', '');
  board.hostStep(
    'mini',
    'stage',
    'failed',
    '2.1 GB free, 4.8 GB needed for the vision env. The old release is serving.',
  );
  return board;
}

test('a board shows each host and step, what failed in full', () => {
  expect(`\n${rollout().lines(70, '⠸', plain).join('\n')}`).toMatchInlineSnapshot(`
    "
     air     ✔ facts    Apple M4, 32 GB, macOS 15.6, 212 GB free
             ⠸ stage    18 MB of 31 MB
     studio  waiting
     mini    ✖ stage    2.1 GB free, 4.8 GB needed for the vision env. The
                        old release is serving."
  `);
});

test('what was going on when a host ended is over', () => {
  const board = new RolloutBoard(['mini']);
  board.hostStep('mini', 'facts', 'begin', '');
  board.hostOutcome('mini', failed);
  expect(board.lines(80, '⠸', plain)).toEqual([' mini  ✖ facts    the new release did not answer']);
});

test.each([200, 80, 60, 40])('no line of a board is wider than %i columns', (columns) => {
  for (const line of rollout().lines(columns, '⠸', plain))
    expect(textWidth(line)).toBeLessThanOrEqual(columns);
});

test('plain lines are host, step and detail', () => {
  const lines: string[] = [];
  const { observer } = plainReporter(['air', 'mini'], (line) => lines.push(line));
  observer.hostStep('air', 'facts', 'begin', '');
  observer.hostStep('air', 'facts', 'done', 'Apple M4');
  observer.hostStep('air', 'stage', 'progress', '1 MB of 3 MB');
  observer.hostNotice('air', 'a stale lock was taken over');
  observer.hostOutcome('air', changed);
  observer.hostStep('mini', 'healthy', 'failed', 'no answer');
  observer.hostOutcome('mini', failed);
  expect(`\n${lines.join('\n')}`).toMatchInlineSnapshot(`
    "
    air   facts    Apple M4
    air   notice   a stale lock was taken over
    air   changed
    mini  healthy  failed: no answer
    mini  rolled-back  the new release did not answer"
  `);
});

test('a failure says what, the last words of the host, and what to do', () => {
  expect(failureLines('deploy', [changed, failed], 80, plain).join('\n')).toMatchInlineSnapshot(`
    "
    ✖ mini: the new release did not answer (GATE_FAILED)
        | Error: no such file
      The old release x is serving again.
      → See why: mlxfleet logs mini
      → Then: mlxfleet deploy mini"
  `);
});

test.each([
  ['NO_PREVIOUS_RELEASE', []],
  ['LOCK_HELD', ['  → Then run the same command again.']],
  [
    'GATE_FAILED',
    ['  → Or another release: mlxfleet releases mini, then mlxfleet rollback --to RELEASE mini'],
  ],
])('a rollback that failed of %s is not advised as it was', (code, advice) => {
  const error = { code, message: 'it failed', hint: 'the hint of the reason' };
  expect(failureLines('rollback', [{ ...failed, error }], 120, plain)).toEqual([
    '',
    `✖ mini: it failed (${code})`,
    '  → the hint of the reason',
    ...advice,
  ]);
});

test('a host that is deployed and whose hook failed is not to be deployed again', () => {
  const error = { code: 'HOOK_FAILED', message: 'the post-deploy hook failed', hint: 'mend it' };
  expect(failureLines('deploy', [{ ...changed, error }], 120, plain)).toEqual([
    '',
    '✖ air: the post-deploy hook failed (HOOK_FAILED)',
    '  → mend it',
  ]);
});

test('the summary counts', () => {
  expect(summaryLine([changed, failed], 3.2)).toBe('2 hosts: 1 changed, 1 rolled back in 3 s');
  expect(summaryLine([changed], 0.2)).toBe('1 host: 1 changed in 200 ms');
});
