import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quote, shellIndependentCommand } from './quote.ts';

/** Everything that a value may hold: control characters, quotes, unicode, what a shell finds special. */
const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(...Array.from('\'"\\$`!#&;|<>(){}[]*?~ \t\n\r-=%@^äλ🙂')),
    maxLength: 40,
  }),
);
const values = fc.array(
  value.filter((text) => !text.includes('\0')),
  { maxLength: 12 },
);

/** What a shell makes of words, told by a program that gets them as arguments. */
function wordsSeenBy(shell: string, shellOptions: readonly string[], words: string): string[] {
  const script = `printf '%s\\0' ${words} end\n`;
  const output = execFileSync(shell, [...shellOptions, '-s'], { input: script, encoding: 'utf8' });
  return output.split('\0').slice(0, -2);
}

describe('quote', () => {
  test.each([
    ['/bin/sh', []],
    ['bash', ['--posix']],
  ])('a value reaches a program unchanged through %s', (shell, options) => {
    fc.assert(
      fc.property(values, (texts) => {
        const wellFormed = texts.map((text) => text.toWellFormed());
        const words = wellFormed.map((text) => quote(text)).join(' ');
        expect(wordsSeenBy(shell, options, words)).toEqual(wellFormed);
      }),
      { numRuns: 60 },
    );
  });

  test('an assignment keeps newlines at the end and leading dashes', () => {
    const text = '-n line\n\n';
    const output = execFileSync('/bin/sh', ['-s'], {
      input: `VALUE=${quote(text)}\nprintf '%s' "$VALUE"\n`,
      encoding: 'utf8',
    });
    expect(output).toBe(text);
  });

  test('refuses NUL, which no shell can hold', () => {
    expect(() => quote('a\0b')).toThrow(expect.objectContaining({ code: 'VALUE_UNQUOTABLE' }));
  });
});

describe('shellIndependentCommand', () => {
  test('holds nothing that any shell changes inside single quotes', () => {
    const command = shellIndependentCommand('echo "it\'s"\n');
    const [, inside] = /^exec \/bin\/sh -c '(.*)'$/.exec(command) ?? [];
    expect(inside).toMatch(/^eval "\$\(printf %b "(\\0[0-7]{3})+"\)"$/);
  });

  test('runs the script', () => {
    fc.assert(
      fc.property(
        value.filter((text) => !text.includes('\0')),
        (text) => {
          const wellFormed = text.toWellFormed();
          const command = shellIndependentCommand(`printf '%s.' ${quote(wellFormed)}`);
          expect(execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8' })).toBe(`${wellFormed}.`);
        },
      ),
      { numRuns: 30 },
    );
  });
});
