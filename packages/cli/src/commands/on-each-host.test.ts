import { Readable, Writable } from 'node:stream';
import { CodedError } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { ERRORS } from '../errors.ts';
import { Output } from '../output/output.ts';
import { reportActions } from './on-each-host.ts';

class Collector extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

test('an error of several lines keeps them, the lines of a log told as for a person', () => {
  const stdout = new Collector();
  const stderr = new Collector();
  const output = new Output({ stdout, stderr, json: false, noColour: true, env: {} });
  const context = {
    output,
    stdin: Readable.from([]),
    options: {},
    cwd: '.',
    env: {},
    signal: new AbortController().signal,
    openTargets: async () => [],
  };
  const entry = '{"level":50,"time":0,"pid":1,"msg":"no memory"}';
  const message = `air: it does not serve: why\n  another why\n  | ${entry}`;
  const error = new CodedError(ERRORS.SERVICE_FAILED, message, { hint: 'See `mlxfleet logs HOST`.' });
  expect(reportActions(context, [{ name: 'air', value: null, error }])).toBe(1);
  expect(stdout.text).toMatch(
    /^ air {2}✖ it does not serve: why\n {8}another why\n {8}\| \d\d:00:00 error no memory\n$/,
  );
  expect(stderr.text).toBe('hint:  See `mlxfleet logs air`.\n');
});
