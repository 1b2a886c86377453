import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { buildProgram } from '../program.ts';
import { completionScript } from './completion.ts';

const execute = promisify(execFile);
const program = buildProgram([], () => undefined);

async function complete(...words: string[]): Promise<string[]> {
  const current = words.length - 1;
  const list = words.map((word) => `'${word}'`).join(' ');
  const driver = `${completionScript(program, 'bash')}
COMP_WORDS=(${list}); COMP_CWORD=${current}; _mlxfleet; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await execute('bash', ['-c', driver]);
  return stdout.trim().split('\n');
}

test('bash completes commands and their options', async () => {
  expect(await complete('mlxfleet', 'dep')).toEqual(['deploy']);
  expect(await complete('mlxfleet', '--json', 're')).toEqual(['releases', 'restart']);
  expect(await complete('mlxfleet', 'deploy', 'air', '--dry')).toEqual(['--dry-run']);
});

test.each(['zsh', 'fish'] as const)('%s knows every command', (shell) => {
  const text = completionScript(program, shell);
  for (const command of program.commands) expect(text).toContain(command.name());
});
