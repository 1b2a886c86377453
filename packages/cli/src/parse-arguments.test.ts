import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { ERRORS } from './errors.ts';
import { Output } from './output/output.ts';
import { parseArguments } from './parse-arguments.ts';

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

test.each([
  [['depoly'], "unknown command 'depoly'", 'Did you mean deploy?'],
  [['deploy', '--dry-rnu'], "unknown option '--dry-rnu'", 'Did you mean --dry-run?'],
  [['status', '--jsn'], "unknown option '--jsn'", 'Did you mean --json?'],
  [['stats'], "unknown command 'stats'", 'Did you mean status?'],
  [['deploy', '--max-parallel', 'x'], '', 'mlxfleet help deploy'],
  [['deploy', '--max-parallel', '0'], 'at least 1', 'mlxfleet help deploy'],
  [['logs', '--since', 'yesterday'], '90s, 10m', 'mlxfleet help logs'],
  [['status', '--timeout', '0'], 'above 0', 'mlxfleet help status'],
  [['status', '--timeout', '0s'], 'above 0', 'mlxfleet help status'],
  [['chat', '--temperature', '3'], 'from 0 to 2', 'mlxfleet help chat'],
  [['chat', '--pages', '3-1'], 'such as 3 or 1-3,5', 'mlxfleet help chat'],
  [['load'], "missing required argument 'model'", 'mlxfleet help load'],
  [['completion', 'tcsh'], 'bash, zsh, fish', 'mlxfleet help completion'],
  [['validate', 'surplus'], 'too many arguments', 'mlxfleet help validate'],
  [[], 'a command is missing', 'mlxfleet help'],
])('%j is wrong usage with advice', async (argv, message, hint) => {
  await expect(parseArguments(argv, collected().output)).rejects.toMatchObject({
    code: 'WRONG_USAGE',
    message: expect.stringContaining(message),
    hint: expect.stringContaining(hint),
  });
});

test.each([[['bogus']], [['list']], [['deploy', '--zz']]])(
  '%j suggests nothing that is far off',
  async (argv) => {
    await expect(parseArguments(argv, collected().output)).rejects.toMatchObject({
      code: 'WRONG_USAGE',
      hint: expect.not.stringContaining('Did you mean'),
    });
  },
);

test.each([['--version'], ['--help'], ['help'], ['help', 'deploy'], ['deploy', '--help']])(
  '%s prints on stdout and runs nothing',
  async (...argv) => {
    const { output, stdout, stderr } = collected();
    expect((await parseArguments(argv, output)).run).toBeNull();
    expect(stdout.text).not.toBe('');
    expect(stderr.text).toBe('');
  },
);

test('the unit of --wait-lock stands in the help, and the hint for a held lock follows it', async () => {
  const { output, stdout } = collected();
  await parseArguments(['deploy', '--help'], output);
  expect(stdout.text.replaceAll(/\s+/g, ' ')).toMatch(
    /--wait-lock <time> .*: seconds, or a time such as 60s/,
  );
  expect(ERRORS.LOCK_HELD.hint).toContain('`--wait-lock 60s`');
});

test('options of every command stand before or after it', async () => {
  const { output } = collected();
  const before = await parseArguments(['-i', 'x.yaml', '--json', 'status'], output);
  const after = await parseArguments(['status', '--json', '-i', 'x.yaml', '--no-color'], output);
  expect(before.options).toMatchObject({ inventory: 'x.yaml', json: true, color: true });
  expect(after.options).toMatchObject({ inventory: 'x.yaml', json: true, color: false });
  expect(after.run).not.toBeNull();
});
