import { appendFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeUnless } from '../../support/skipping.ts';
import { canHostFleet } from '../fleet/obstacle.ts';
import { CheckoutCopy } from './checkout-copy.ts';
import { FleetCli } from './fleet-cli.ts';

/**
 * What an agent runs in place of a firewall rule that keeps everybody out: its host has no network as long as it runs.
 */
const CUTS_THE_NETWORK = `
import { execFileSync as runOnHost } from 'node:child_process';
runOnHost('ip', ['link', 'set', 'eth0', 'down']);
process.on('exit', () => runOnHost('ip', ['link', 'set', 'eth0', 'up']));
`;

/** An agent that is gone a moment after it was ready. */
const ENDS_SOON = `
setTimeout(() => process.exit(7), 4000);
`;

/** A clock that is as many seconds off as ~/clock-skew says, for whoever asks `date`. */
const SKEWED_DATE = `#!/bin/sh
skew=$(cat "$HOME/clock-skew")
exec "$HOME/date.real" -d "@$(($("$HOME/date.real" +%s) + skew))" "$@"
`;

describeUnless(await canHostFleet(), 'in rough conditions', () => {
  let cli: FleetCli;

  beforeAll(async () => {
    cli = await FleetCli.create(['air', 'mini']);
    await cli.placeModels();
    await cli.deploy();
  });
  afterAll(() => cli.fleet.destroy());

  const nextVersion = async (name: string, agentCode = ''): Promise<string> => {
    const copy = await CheckoutCopy.create(path.join(cli.fleet.folder, name));
    await copy.changeWorker(name);
    if (agentCode !== '') {
      await appendFile(path.join(copy.folder, 'packages/agent/dist/agent.mjs'), agentCode);
    }
    return copy.cliBundle;
  };
  const current = async (host: string) => (await cli.status([host])).hosts[0];

  describe('a release that', () => {
    test('keeps everybody from logging in is undone by the host itself', async () => {
      const before = await current('air');
      const bad = await cli.deploy(['air'], await nextVersion('deaf', CUTS_THE_NETWORK));
      expect(bad.exitCode).not.toBe(0);
      expect(bad.hosts).toMatchObject([{ error: expect.anything() }]);
      await expect.poll(() => cli.complete('air').catch(() => 0), { timeout: 120_000 }).toBeGreaterThan(0);
      expect(await current('air')).toMatchObject({ state: 'healthy', release: before?.release });
      const journal = await readFile(path.join(cli.fleet.host('air').root, 'deploy/journal'), 'utf8');
      expect(journal).toContain('confirm failed SWITCH_NOT_CONFIRMED');
    });

    test('does not stay alive is undone, also when nobody is there any more', async () => {
      const before = await current('mini');
      const bundle = await nextVersion('short', ENDS_SOON);
      const dead = await cli.interrupt(['deploy', 'mini'], 'mini', /service begin/, bundle);
      expect(dead.exitCode).toBe(130);
      await expect.poll(() => cli.complete('mini').catch(() => 0), { timeout: 60_000 }).toBeGreaterThan(0);
      expect(await current('mini')).toMatchObject({ state: 'healthy', release: before?.release });
    });
  });

  test('two deployers at once: one does it, the other waits and finds it done', async () => {
    const bundle = await nextVersion('both');
    const [one, other] = await Promise.all([
      cli.deploy(['air', '--wait-lock', '120'], bundle),
      cli.deploy(['air', '--wait-lock', '120'], bundle),
    ]);
    const outcomes = [one, other].flatMap(({ hosts }) => hosts.map(({ outcome }) => outcome));
    expect(outcomes.toSorted()).toEqual(['changed', 'unchanged']);
    expect(await cli.complete('air')).toBeGreaterThan(0);
  });

  test('a home that cannot be written to is told, and goes on serving', async () => {
    const mini = cli.fleet.host('mini');
    const before = await current('mini');
    const mounted = await mini.exec('mount --bind "$HOME" "$HOME" && mount -o remount,bind,ro "$HOME"');
    expect(mounted).toMatchObject({ exitCode: 0 });
    try {
      const deployed = await cli.deploy(['mini'], await nextVersion('unwritable'));
      expect(deployed).toMatchObject({
        exitCode: 1,
        hosts: [{ outcome: 'failed', release: before?.release, error: { code: expect.any(String) } }],
      });
      expect(deployed.hosts[0]?.error?.message).toMatch(/cannot write|[Rr]ead-only/);
      expect(await cli.rollback(['mini'])).toMatchObject({
        exitCode: 1,
        hosts: [{ error: { code: 'ROOT_NOT_WRITABLE' } }],
      });
      expect(await cli.complete('mini')).toBeGreaterThan(0);
    } finally {
      await mini.exec('umount "$HOME"');
    }
    expect(await current('mini')).toMatchObject({ state: 'healthy', release: before?.release });
  });

  test('a clock that is an hour off, and that is set while a deploy runs, harms nothing', async () => {
    const air = cli.fleet.host('air');
    await writeFile(path.join(air.home, 'date'), SKEWED_DATE, { mode: 0o755 });
    await writeFile(path.join(air.home, 'clock-skew'), '0');
    const mounted = await air.exec('cp /usr/bin/date date.real && mount --bind date /usr/bin/date && date');
    expect(mounted).toMatchObject({ exitCode: 0 });
    const skew = async (seconds: number) => writeFile(path.join(air.home, 'clock-skew'), String(seconds));
    for (const [name, before, during] of [
      ['ahead', 3600, 3600],
      ['behind', -3600, -3600],
      ['set-ahead', 0, 3600],
      ['set-back', 3600, 0],
    ] as const) {
      await skew(before);
      const deploying = cli.deploy(['air'], await nextVersion(name));
      await skew(during);
      expect(await deploying).toMatchObject({ exitCode: 0, hosts: [{ outcome: 'changed', error: null }] });
      expect(await cli.complete('air')).toBeGreaterThan(0);
    }
    await skew(0);
    expect(await cli.rollback(['air'])).toMatchObject({ exitCode: 0 });
  });
});
