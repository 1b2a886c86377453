import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { RecordingObserver } from '../actions/testing/stand-ins.ts';
import { type SshSite, sshSiteForTests } from '../ssh/testing/ssh-site.ts';
import { hooksOf } from './hook.ts';
import { type HookContext, runHooks } from './run-hooks.ts';

function running(text: string): string[] {
  const { stdout } = spawnSync('ps', ['-axww', '-o', 'stat=', '-o', 'args='], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.includes(text) && !line.startsWith('Z'));
}

describeUnless(sshdObstacle(), 'a remote hook over ssh', () => {
  let site: SshSite;
  sshSiteForTests((made) => {
    site = made;
  });

  async function run(command: string, more: Partial<HookContext> = {}): Promise<RecordingObserver> {
    const observer = new RecordingObserver();
    await runHooks('post-deploy', {
      hooks: hooksOf({ hooks: { 'post-deploy': [{ run: command, on: 'remote' }] } }, '/'),
      target: { settings: site.air(), host: site.open() },
      facts: {
        host: 'air',
        address: '127.0.0.1',
        release: 'new',
        previous: 'old',
        version: '1.0.0',
        operator: 'tester@bench',
        os: 'Linux',
        arch: 'x86_64',
        ramBytes: 1,
        changeId: 'c0ffee',
      },
      observer,
      signal: new AbortController().signal,
      ...more,
    });
    return observer;
  }

  it('runs in the home folder, with the facts and nothing on its stdin', async () => {
    const command =
      'cat; [ "$PWD" = "$HOME" ] && echo "$MLXFLEET_HOST $MLXFLEET_ADDRESS $MLXFLEET_CHANGE_ID"';
    expect((await run(command)).lines).toContain('air notice post-deploy: air 127.0.0.1 c0ffee');
  });

  it('that fails is told with its exit code and its words', async () => {
    await expect(run('echo no room >&2; exit 4')).rejects.toMatchObject({
      code: 'HOOK_FAILED',
      message: expect.stringMatching(/ended with exit code 4: [^]*\n {2}\| no room$/),
    });
  });

  it('that takes too long is ended with everything that it has started', async () => {
    const command = "(trap '' TERM; sleep 47171) & timeout 600 sleep 47172 & (sleep 47173 &); sleep 47174";
    await expect(run(command, { limitMs: 1500 })).rejects.toMatchObject({ code: 'HOOK_FAILED' });
    expect(running('sleep 4717')).toEqual([]);
  });

  it('on a host that is not reached has failed', async () => {
    const target = { settings: site.air(), host: site.open({ sshPort: 1 }) };
    await expect(run('true', { target })).rejects.toMatchObject({
      code: 'HOOK_FAILED',
      message: expect.stringContaining('the post-deploy hook could not be run (air: '),
    });
  });
});
