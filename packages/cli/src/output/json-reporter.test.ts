import { Writable } from 'node:stream';
import { type ProgressEvent, progressEventSchema } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { jsonReporter } from './json-reporter.ts';
import { Output } from './output.ts';

class Collector extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

function collected(json: boolean): { output: Output; stdout: Collector; stderr: Collector } {
  const stdout = new Collector();
  const stderr = new Collector();
  return { stdout, stderr, output: new Output({ stdout, stderr, json, noColour: false, env: {} }) };
}

/** Events without their times, which all have to be there. */
function eventsIn(text: string): Omit<ProgressEvent, 'time'>[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { time, ...event } = progressEventSchema.parse(JSON.parse(line));
      expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000);
      return event;
    });
}

test('with --json a rollout is told as one JSON object a line', () => {
  const { output, stdout, stderr } = collected(true);
  output.startEvents();
  const { observer } = jsonReporter(output);
  output.notice('\n\u001B[33mwarning:\u001B[0m two\nlines');
  observer.hostStep('air', 'stage', 'begin', '');
  for (const megabytes of [1, 2, 3])
    observer.hostStep('air', 'stage', 'progress', `${String(megabytes)} MB of 3 MB`);
  observer.hostStep('mini', 'stage', 'progress', '1 MB of 3 MB');
  observer.hostStep('air', 'stage', 'done', '3 MB sent');
  observer.hostNotice('air', 'pre-deploy: hello');
  const error = { code: 'GATE_FAILED', message: 'no answer\n  | why', hint: null };
  observer.hostOutcome('air', {
    name: 'air',
    outcome: 'rolled-back',
    release: null,
    previous: null,
    durationMs: 1,
    error,
  });
  output.event({ event: 'plan', host: 'air', section: 'release', sign: '~', text: 'switch', details: [] });
  expect(eventsIn(stderr.text)).toEqual([
    { event: 'notice', host: null, text: 'warning: two\nlines' },
    { event: 'step', host: 'air', step: 'stage', state: 'begin', detail: '' },
    { event: 'step', host: 'air', step: 'stage', state: 'progress', detail: '1 MB of 3 MB' },
    { event: 'step', host: 'mini', step: 'stage', state: 'progress', detail: '1 MB of 3 MB' },
    { event: 'step', host: 'air', step: 'stage', state: 'done', detail: '3 MB sent' },
    { event: 'notice', host: 'air', text: 'pre-deploy: hello' },
    { event: 'outcome', host: 'air', outcome: 'rolled-back', error },
    { event: 'plan', host: 'air', section: 'release', sign: '~', text: 'switch', details: [] },
  ]);
  expect(stdout.text).toBe('');
});

test('notices are text as long as no events were asked for', () => {
  const people = collected(false);
  people.output.startEvents();
  people.output.notice('hello');
  const before = collected(true);
  before.output.notice('hello');
  expect([people.stderr.text, before.stderr.text]).toEqual(['hello\n', 'hello\n']);
});
