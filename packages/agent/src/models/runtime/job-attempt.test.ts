import { generateFrameSchema } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import type { Job } from '../../scheduler/job.ts';
import { afterCrash } from './job-attempt.ts';

const JOB: Job = {
  id: 'a',
  priority: 'normal',
  frame: generateFrameSchema.parse({
    type: 'generate',
    id: 'a',
    prompt: { kind: 'text', text: '' },
    max_tokens: null,
    sampling: {},
    stop: [],
  }),
  listener: { started: () => {}, output: () => {}, failed: () => {} },
};

test('a job without output is begun anew, once', () => {
  const end = afterCrash({ job: JOB, crashes: 0, hasOutput: false, sentAt: 5 });
  expect(end).toEqual({ kind: 'again', attempt: { job: JOB, crashes: 1, hasOutput: false, sentAt: null } });
  if (end.kind !== 'again') throw new Error('it is begun anew');
  expect(afterCrash(end.attempt)).toEqual({ kind: 'failed', crashes: 2 });
});

test('a job with output fails: its client has seen the beginning of another answer', () => {
  const end = afterCrash({ job: JOB, crashes: 0, hasOutput: true, sentAt: 5 });
  expect(end).toEqual({ kind: 'failed', crashes: 1 });
});
