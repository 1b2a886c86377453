import { describe, expect, test } from 'vitest';
import { LocalHost } from '../hosts/local-host.ts';
import { AnswerReader } from './answer-reader.ts';
import { runScript } from './run-script.ts';
import { script } from './script.ts';

const host = new LocalHost('here');

describe('script', () => {
  test('values arrive as they are, whatever they hold', async () => {
    const line = `it's "$HOME" \`id\` \\ $(id) ü`;
    const lines: string[] = [];
    const remote = script(['lib', 'exec'], {
      ROOT: '~/x',
      COMMAND_LINE: `printf '%s\\n' "$GREETING"`,
      GREETING: line,
    });
    const { exitCode } = await runScript(host, remote, (text) => lines.push(text), { holdStdin: true });
    expect({ exitCode, lines }).toEqual({ exitCode: 0, lines: [line] });
  });

  test('does nothing when it is cut short', async () => {
    const { text } = script(['lib', 'exec'], { ROOT: '~/x', COMMAND_LINE: 'echo ran' });
    const cut = text.slice(0, text.lastIndexOf('{ main; exit; }'));
    const { stdout } = await host.run(cut);
    expect(stdout).toBe('');
  });

  test('refuses a name that is no variable', () => {
    expect(() => script(['lib'], { 'x; id': '' })).toThrow(TypeError);
  });

  test('a broken end is an error with the last lines', async () => {
    const remote = script(['lib', 'exec'], { ROOT: '~/x', COMMAND_LINE: 'echo before; kill -9 $$' });
    const broken = runScript(host, remote, () => undefined, { holdStdin: true });
    await expect(broken).rejects.toMatchObject({ code: 'SCRIPT_BROKEN' });
    await expect(broken).rejects.toThrow('before');
  });
});

describe('AnswerReader', () => {
  const remote = { text: '', beginSentinel: 'BEGIN', endSentinel: 'END' };
  const read = (lines: readonly string[]): { answer: string[]; exitCode: number | null } => {
    const answer: string[] = [];
    const reader = new AnswerReader(remote, (line) => answer.push(line));
    for (const line of lines) reader.take(line);
    return { answer, exitCode: reader.exitCode };
  };

  test('takes what stands between the sentinels and drops noise', () => {
    expect(read(['welcome', '', 'BEGIN', 'one', '', 'two', '', 'END 3', 'bye'])).toEqual({
      answer: ['one', '', 'two'],
      exitCode: 3,
    });
  });

  test('knows no exit code before the end', () => {
    expect(read(['BEGIN', 'one'])).toEqual({ answer: ['one'], exitCode: null });
  });
});
