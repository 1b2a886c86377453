import { mkdir, readdir, readFile, readlink, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { deployDocumentSchema } from '@mlxfleet/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { deployStandIn } from './testing/deploy-stand-in.ts';
import { StandInHost } from './testing/stand-ins.ts';

let host: StandInHost;

beforeEach(async () => {
  host = await StandInHost.create();
});

afterEach(async () => {
  await host.dispose();
});

describe('a first deploy', () => {
  test('installs everything, serves, and a second one changes nothing', async () => {
    const first = await deployStandIn(host, { version: '1.0.0' });
    expect(first.row).toMatchObject({ outcome: 'changed', previous: null, error: null });
    expect(deployDocumentSchema.parse(first.result.document)).toEqual(first.result.document);
    expect(await host.currentRelease()).toBe(first.row.release);
    expect(
      first.lines.filter((line) => / done| outcome/.test(line)).map((line) => line.split(' ')[1]),
    ).toEqual(['facts', 'stage', 'switch', 'healthy', 'outcome']);
    const modes = await Promise.all(
      ['shared/config.yaml', 'shared/environment.json'].map(
        async (path) => (await stat(host.path(path))).mode,
      ),
    );
    expect(modes.map((mode) => mode & 0o777)).toEqual([0o600, 0o600]);
    const leftOver = await readdir(host.path('deploy/incoming'));
    expect(leftOver).toEqual([]);
    expect(await readdir(host.path('deploy/lock'))).toEqual([]);
    const pid = await readFile(host.path('run/agent.pid'), 'utf8');

    const second = await deployStandIn(host, { version: '1.0.0' });
    expect(second.row).toMatchObject({ outcome: 'unchanged', release: first.row.release });
    expect(await readFile(host.path('run/agent.pid'), 'utf8')).toBe(pid);
    const audit = await readFile(host.path('deploy/audit.log'), 'utf8');
    expect(audit).toMatch(/ who=tester@bench command=deploy release=\S+ outcome=good from=\S+\n$/);
  });

  test('a dry run plans the same and changes nothing', async () => {
    const dry = await deployStandIn(host, { version: '1.0.0', settings: { dryRun: true } });
    expect(dry.row.outcome).toBe('changed');
    await expect(stat(host.root)).rejects.toThrow('ENOENT');
    const real = await deployStandIn(host, { version: '1.0.0' });
    expect(real.planned).toEqual(dry.planned);
    const again = await deployStandIn(host, { version: '1.0.0', settings: { dryRun: true } });
    expect(again.row.outcome).toBe('unchanged');
  });

  test('that fails leaves nothing running and no current release', async () => {
    const { row } = await deployStandIn(host, { version: '1.0.0', behaviour: 'exits' });
    expect(row).toMatchObject({ outcome: 'failed', release: null, error: { code: 'GATE_FAILED' } });
    expect(row.error?.message).toContain('the process of the agent has ended');
    expect(row.error?.message).toContain('cannot start: no such thing');
    expect(row.error?.message).toContain('nothing runs on the host now');
    expect(await host.currentRelease()).toBeNull();
  });

  test('prepares without switching when asked to', async () => {
    const staged = await deployStandIn(host, { version: '1.0.0', settings: { onlyStage: true } });
    expect(staged.row.outcome).toBe('changed');
    expect(staged.planned.join('\n')).not.toMatch(/switch|start with|write|restart/);
    expect(await host.currentRelease()).toBeNull();
    const again = await deployStandIn(host, { version: '1.0.0', settings: { onlyStage: true } });
    expect(again.row).toMatchObject({ outcome: 'unchanged', release: staged.row.release });
    const { row, lines } = await deployStandIn(host, { version: '1.0.0' });
    expect(row.outcome).toBe('changed');
    expect(lines.join('\n')).not.toContain('sent');
  });
});

describe('an upgrade', () => {
  test('that cannot start is undone: the previous release serves with its configuration', async () => {
    const good = await deployStandIn(host, { version: '1.0.0' });
    const config = await readFile(host.path('shared/config.yaml'), 'utf8');
    const { agentConfig } = host.target.settings;
    const bad = await deployStandIn(host, {
      version: '1.1.0',
      behaviour: 'exits',
      host: { agentConfig: { ...agentConfig, queue_depth: 7 } },
    });
    expect(bad.row).toMatchObject({ outcome: 'rolled-back', release: good.row.release });
    expect(bad.row.error?.message).toContain(`The old release ${String(good.row.release)} is serving again.`);
    expect(await host.currentRelease()).toBe(good.row.release);
    expect(await readFile(host.path('shared/config.yaml'), 'utf8')).toBe(config);
    const after = await deployStandIn(host, { version: '1.0.0' });
    expect(after.row.outcome).toBe('unchanged');
  });

  test('that cannot start is undone on a host whose agent was stopped: it is stopped again', async () => {
    const good = await deployStandIn(host, { version: '1.0.0' });
    process.kill(Number(await readFile(host.path('run/supervisor.pid'), 'utf8')), 'SIGTERM');
    await expect
      .poll(async () => readdir(host.path('run')), { timeout: 5000 })
      .not.toContain('supervisor.pid');
    const bad = await deployStandIn(host, { version: '1.1.0', behaviour: 'exits' });
    expect(bad.row).toMatchObject({ outcome: 'rolled-back', release: good.row.release });
    expect(bad.row.error?.message).toContain('is current again, its agent stopped as before');
    expect(await readdir(host.path('run'))).not.toContain('supervisor.pid');
  });

  test('of the configuration alone restarts the agent and keeps the release', async () => {
    const first = await deployStandIn(host, { version: '1.0.0' });
    const pid = await readFile(host.path('run/agent.pid'), 'utf8');
    const { agentConfig } = host.target.settings;
    const { row, planned } = await deployStandIn(host, {
      version: '1.0.0',
      host: { agentConfig: { ...agentConfig, queue_depth: 7 } },
    });
    expect(row).toMatchObject({ outcome: 'changed', release: first.row.release });
    expect(planned).toEqual(['write shared/config.yaml']);
    expect(await readFile(host.path('run/agent.pid'), 'utf8')).not.toBe(pid);
  });

  test('to a host with vision builds its environment beside the other, and one back takes it from the release', async () => {
    const first = await deployStandIn(host, { version: '1.0.0' });
    const pid = await readFile(host.path('run/agent.pid'), 'utf8');
    const linked = async (): Promise<string[]> => (await readdir(host.path('current/envs'))).toSorted();
    expect(await linked()).toEqual(['text']);
    const seeing = await deployStandIn(host, { version: '1.0.0', host: { vision: true } });
    expect(seeing.row).toMatchObject({ outcome: 'changed', release: first.row.release });
    expect(seeing.planned).toEqual([
      expect.stringMatching(/^build the vision environment vision-[0-9a-f]{12}$/),
      'use other environments',
    ]);
    expect(await linked()).toEqual(['text', 'vision']);
    expect(await readlink(host.path('current/envs/vision'))).toMatch(/envs\/vision-[0-9a-f]{12}$/);
    // The agent looks for the environment when it starts.
    expect(await readFile(host.path('run/agent.pid'), 'utf8')).not.toBe(pid);
    const again = await deployStandIn(host, { version: '1.0.0', host: { vision: true } });
    expect(again.row.outcome).toBe('unchanged');
    const upgraded = await deployStandIn(host, { version: '1.1.0', host: { vision: true } });
    expect(upgraded.planned.join('\n')).not.toContain('build');
    expect(await linked()).toEqual(['text', 'vision']);
    const without = await deployStandIn(host, { version: '1.1.0' });
    expect(without.row.outcome).toBe('changed');
    expect(await linked()).toEqual(['text']);
  }, 60_000);

  test('keeps the wanted number of good releases and two failed ones', async () => {
    for (const version of ['1.1.0', '1.2.0']) {
      expect((await deployStandIn(host, { version })).row.outcome).toBe('changed');
    }
    for (const version of ['2.0.0', '2.1.0', '2.2.0']) {
      const id = `20260101T000000Z-${version.replaceAll('.', '')}00000`;
      await mkdir(host.path('releases', id));
      await writeFile(host.path('deploy/records', id), `state=failed\nversion=${version}\n`);
    }
    await deployStandIn(host, { version: '1.4.0' });
    const states = await Promise.all(
      (await readdir(host.path('deploy/records'))).map(async (id) => {
        const record = await readFile(host.path('deploy/records', id), 'utf8');
        return `${/version=(.*)/.exec(record)?.[1] ?? ''} ${/state=(.*)/.exec(record)?.[1] ?? ''}`;
      }),
    );
    expect(states.toSorted()).toEqual(['1.2.0 good', '1.4.0 good', '2.1.0 failed', '2.2.0 failed']);
    expect(await readdir(host.path('releases'))).toHaveLength(4);
    expect(await readdir(host.path('envs'))).toHaveLength(1);
  }, 60_000);

  test('replaces a current release whose files were changed by a new one of the same content', async () => {
    const first = await deployStandIn(host, { version: '1.0.0' });
    await truncate(host.path('current/agent/agent.mjs'));
    const { row } = await deployStandIn(host, { version: '1.0.0' });
    expect(row.outcome).toBe('changed');
    expect(row.release).not.toBe(first.row.release);
  });

  test('starts a stopped agent without a new release', async () => {
    const first = await deployStandIn(host, { version: '1.0.0' });
    process.kill(Number(await readFile(host.path('run/supervisor.pid'), 'utf8')), 'SIGTERM');
    await expect
      .poll(async () => readdir(host.path('run')), { timeout: 5000 })
      .not.toContain('supervisor.pid');
    const { row, planned } = await deployStandIn(host, { version: '1.0.0' });
    expect(row).toMatchObject({ outcome: 'changed', release: first.row.release });
    expect(planned).toEqual(['restart the agent: it is stopped']);
  });
});

test('a current link that leads nowhere is replaced', async () => {
  await deployStandIn(host, { version: '1.0.0' });
  await rm(host.path('current'));
  await symlink('releases/gone', host.path('current'));
  await writeFile(host.path('deploy/records/gone.new.1'), 'rubbish');
  const { row } = await deployStandIn(host, { version: '1.1.0' });
  expect(row.outcome).toBe('changed');
  expect(await host.currentRelease()).toBe(row.release);
});
