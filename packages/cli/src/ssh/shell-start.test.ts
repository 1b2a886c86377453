import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ScriptProcess } from '../hosts/script-session.ts';
import { startedShell } from './shell-start.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A session of a login shell whose start-up files print something and never end. */
function stuckSession(): { session: ScriptProcess; stdout: PassThrough; kill: () => void } {
  const ended = Promise.withResolvers<number | null>();
  const stdout = new PassThrough();
  const kill = vi.fn<() => void>(() => ended.resolve(null));
  const session = { stdin: new PassThrough(), stdout, stderr: new PassThrough(), ended: ended.promise, kill };
  return { session, stdout, kill };
}

it('gives a login shell a minute to begin, then says what is wrong with it', async () => {
  const { session, stdout, kill } = stuckSession();
  const shell = startedShell(session, 'air');
  const said = text(shell.stdout);
  stdout.write('Name of your first pet? ');
  await vi.advanceTimersByTimeAsync(59_000);
  expect(kill).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(2000);
  await expect(shell.ended).rejects.toMatchObject({
    code: 'SCRIPT_BROKEN',
    message: 'air: the login shell has not begun a script within 60 s',
    hint: expect.stringContaining('start-up file'),
  });
  expect(kill).toHaveBeenCalledTimes(1);
  expect(await said).toBe('Name of your first pet? ');
});

it('lets a script run for as long as it likes once it has begun', async () => {
  const { session, stdout, kill } = stuckSession();
  const shell = startedShell(session, 'air');
  const said = text(shell.stdout);
  stdout.write('welcome\n=== mlxfleet out');
  stdout.write('put\none\n');
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(kill).not.toHaveBeenCalled();
  session.kill();
  expect(await shell.ended).toBeNull();
  expect(await said).toBe('one\n');
});
