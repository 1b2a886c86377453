import { Writable } from 'node:stream';
import { CodedError, errorDocumentSchema } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { ERRORS } from '../errors.ts';
import { wantsColour } from './colours.ts';
import { Output } from './output.ts';
import { plainLine, plainText } from './plain-text.ts';
import { errorDocument, printError, printHints } from './print-error.ts';
import { bar, formatBytes, formatMemory, formatSeconds, shortModel, shortRelease } from './quantities.ts';
import { pad, textWidth, truncate, wrap } from './text-width.ts';

class Collector extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

function collected(): { output: Output; stdout: Collector; stderr: Collector } {
  const stdout = new Collector();
  const stderr = new Collector();
  return { stdout, stderr, output: new Output({ stdout, stderr, json: false, noColour: false, env: {} }) };
}

test('foreign text does not act on the terminal', () => {
  expect(plainText('a\u001B[2Jb\u001B]0;title\u0007c\u009B31md\be\r\nf\u202Eg')).toBe('abcde\nfg');
  expect(plainLine(' one\ttwo\n\nthree\u0000 ')).toBe('one two three');
});

test('width counts cells', () => {
  expect(textWidth('air')).toBe(3);
  expect(textWidth('模型')).toBe(4);
  expect(textWidth('e\u0301')).toBe(1);
  expect(textWidth('🚀')).toBe(2);
  expect(textWidth('● healthy')).toBe(9);
  expect(truncate('模型模型', 5)).toBe('模型…');
  expect(truncate('short', 5)).toBe('short');
  expect(truncate('longer', 0)).toBe('');
  expect(pad('7', 3, 'right')).toBe('  7');
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
});

test.each([
  [500, '1 KB'],
  [3.1 * 1024 ** 2, '3.1 MB'],
  [31 * 1024 ** 2, '31 MB'],
  [2.1 * 1024 ** 3, '2.1 GB'],
  [212 * 1024 ** 3, '212 GB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test('quantities in few characters', () => {
  expect(formatMemory(61 * 1024 ** 3, 128 * 1024 ** 3)).toBe('61/128 GB');
  expect(['0.18', '41', '600', '7300', '200000'].map((text) => formatSeconds(Number(text)))).toEqual([
    '180 ms',
    '41 s',
    '10 min',
    '2 h',
    '2 d',
  ]);
  expect(bar(0.5)).toBe('▇▇▇▇▁▁▁▁');
  expect(bar(2)).toBe('▇▇▇▇▇▇▇▇');
  expect(shortRelease('20261123T040000Z-3f9ac2e1')).toBe('1123-3f9a');
  expect(shortRelease('by-hand')).toBe('by-hand');
  expect(shortModel('mlx-community/Qwen3-32B-4bit')).toBe('Qwen3-32B-4bit');
});

test.each([
  ['a terminal', { isTerminal: true, refused: false, env: {} }, true],
  ['a pipe', { isTerminal: false, refused: false, env: {} }, false],
  ['--no-color', { isTerminal: true, refused: true, env: {} }, false],
  ['NO_COLOR', { isTerminal: true, refused: false, env: { NO_COLOR: '1' } }, false],
  ['an empty NO_COLOR', { isTerminal: true, refused: false, env: { NO_COLOR: '' } }, true],
  ['a dumb terminal', { isTerminal: true, refused: false, env: { TERM: 'dumb' } }, false],
])('colour with %s', (_what, wish, expected) => {
  expect(wantsColour(wish)).toBe(expected);
});

test('a known error is message and hint, with its causes only when asked', () => {
  const error = new CodedError(ERRORS.HOST_UNKNOWN, '"sudio" is no host', { cause: new Error('inner') });
  const { output, stderr } = collected();
  printError(output, error, { verbose: false });
  expect(stderr.text).toBe(`error: "sudio" is no host\nhint:  ${ERRORS.HOST_UNKNOWN.hint}\n`);
  printError(output, error, { verbose: true });
  expect(stderr.text).toContain('(HOST_UNKNOWN)');
  expect(stderr.text).toContain('caused by: Error: inner');
});

test('an unknown error shows its stack', () => {
  const { output, stderr } = collected();
  printError(output, new TypeError('x is not a function'), { verbose: false });
  expect(stderr.text).toContain('TypeError: x is not a function');
  expect(stderr.text).toContain('output.test.ts');
});

test.each([new CodedError(ERRORS.WRONG_USAGE, 'm'), new Error('m'), 'm'])('%s has a document', (error) => {
  expect(errorDocumentSchema.parse(errorDocument(error)).error.message).toBe('m');
});

test('a reader that went away ends only the printing', async () => {
  const stdout = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error('gone'), { code: 'EPIPE' })),
  });
  const output = new Output({ stdout, stderr: new Collector(), json: false, noColour: false, env: {} });
  output.print('one');
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  expect(output.closed.aborted).toBe(true);
  output.print('two');
});

function hintRow(name: string, hint: string | null): Parameters<typeof printHints>[1][number] {
  return { name, error: hint === null ? null : { hint } };
}

test('hints under rows name each host once', () => {
  const alone = collected();
  printHints(alone.output, [hintRow('one', 'Free some space.')]);
  expect(alone.stderr.text).toBe('hint:  Free some space.\n');

  const several = collected();
  const start = 'Start it: mlxfleet start one';
  printHints(several.output, [
    hintRow('one', start),
    hintRow('on', 'Look at one.'),
    hintRow('two', null),
    hintRow('three', 'See `mlxfleet logs three`.'),
  ]);
  expect(several.stderr.text.split('\n')).toEqual([
    `hint:  ${start}`,
    'hint:  on: Look at one.',
    'hint:  See `mlxfleet logs three`.',
    '',
  ]);
});
