import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkout } from '../../../scripts/lib/paths.ts';
import { describeUnless } from '../../support/skipping.ts';
import { until } from '../../support/until.ts';
import type { FleetHost } from '../fleet/fleet-host.ts';
import { canHostFleet } from '../fleet/obstacle.ts';
import { CheckoutCopy } from './checkout-copy.ts';
import { DEATHS, leftovers } from './deaths.ts';
import { FleetCli } from './fleet-cli.ts';
import { Pool } from './host-pool.ts';

/** Five, since that many tests go side by side; most of their time is waiting. */
const HOSTS = ['air', 'm1', 'mini', 'pro', 'studio'];

/** The steps of a script on the host, as its own text names them. */
async function stepsOf(script: string): Promise<string[]> {
  const text = await readFile(path.join(checkout, 'packages/cli/remote', `${script}.sh`), 'utf8');
  return [...new Set([...text.matchAll(/^ *step_begin ([a-z]+)/gm)].map(([, step = '']) => step))];
}

const DEPLOY_STEPS = await stepsOf('apply');
const ROLLBACK_STEPS = await stepsOf('rollback');

/** Steps that only a deploy goes through which finds no environment and no uv on the host. */
const FRESH_STEPS = new Set(['runtime', 'environment']);

/** What is true of a host after any death and one more deploy. */
const AS_IF_NOTHING_HAD_HAPPENED = {
  errors: [null],
  states: ['healthy'],
  leftovers: [],
  outcomesOfAnother: ['unchanged'],
};

/** A host, and the version of the command line whose release it had last. */
interface Subject {
  readonly host: FleetHost;
  bundle: string;
}

const journalOf = (host: FleetHost): string => readFileSync(path.join(host.root, 'deploy/journal'), 'utf8');

describeUnless(await canHostFleet(), 'whatever dies', () => {
  let cli: FleetCli;
  let pool: Pool<Subject>;
  let version = 0;

  const nextVersion = async (): Promise<string> => {
    version += 1;
    const copy = await CheckoutCopy.create(path.join(cli.fleet.folder, `version-${String(version)}`));
    return (await copy.changeWorker(String(version))).cliBundle;
  };

  beforeAll(async () => {
    cli = await FleetCli.create(HOSTS);
    await cli.placeModels();
    await cli.deploy();
    // A rollback needs somewhere to go.
    const bundle = await nextVersion();
    await cli.deploy([], bundle);
    pool = new Pool(cli.fleet.hosts.map((host) => ({ host, bundle })));
  });
  afterAll(() => cli.fleet.destroy());

  /** Starts a command, and lets it die as soon as the host's journal tells that the step has begun. */
  const dieAt = async (
    host: FleetHost,
    argv: readonly string[],
    bundle: string,
    step: string,
    death: (typeof DEATHS)[string],
  ): Promise<void> => {
    const before = journalOf(host).length;
    const words = [bundle, '-i', cli.inventory, ...argv];
    const command = cli.fleet.operator.command(process.execPath, words);
    const child = spawn(command.file, command.argv, { env: command.env, stdio: 'ignore' });
    const ended = once(child, 'exit');
    const hasBegun = (): boolean => journalOf(host).slice(before).includes(` ${step} begin`);
    while (child.exitCode === null && !hasBegun()) await sleep(2);
    if (!hasBegun()) throw new Error(`no step ${step} in:\n${journalOf(host).slice(before)}`);
    await death?.({ host, ended, killCommand: () => child.kill('SIGKILL') });
    await ended;
  };

  /** Waits for a completion of whatever release the host has, old or new. */
  const serves = async (host: FleetHost): Promise<void> => {
    const answer = async (): Promise<string | null> =>
      cli.complete(host.name).then((tokens) => (tokens > 0 ? null : 'no token'), String);
    await until(answer, 90_000);
  };

  const afterAnother = async (host: FleetHost, bundle: string) => {
    const again = await cli.deploy([host.name, '--wait-lock', '120'], bundle);
    await serves(host);
    const { hosts } = await cli.status([host.name]);
    // What watches a change looks once a second.
    await until(async () => (await leftovers(host)).join(', ') || null, 20_000).catch(() => undefined);
    return {
      errors: again.hosts.map(({ error }) => error),
      states: hosts.map(({ state }) => state),
      leftovers: await leftovers(host),
      outcomesOfAnother: (await cli.deploy([host.name], bundle)).hosts.map(({ outcome }) => outcome),
    };
  };

  describe.concurrent.each(Object.entries(DEATHS))('when %s', (_, death) => {
    test.each(DEPLOY_STEPS)('at the step %s of a deploy', async (step) => {
      const after = await pool.lend(async (subject) => {
        const { host } = subject;
        const isFresh = FRESH_STEPS.has(step);
        if (isFresh) await host.exec('rm -rf .mlxfleet/runtime/uv-*');
        const bundle = await nextVersion();
        subject.bundle = bundle;
        await dieAt(host, ['deploy', host.name, ...(isFresh ? ['--clean'] : [])], bundle, step, death);
        await serves(host);
        return afterAnother(host, bundle);
      });
      expect(after).toEqual(AS_IF_NOTHING_HAD_HAPPENED);
    });

    test.each(ROLLBACK_STEPS)('at the step %s of a rollback', async (step) => {
      const after = await pool.lend(async ({ host, bundle }) => {
        await dieAt(host, ['rollback', host.name], bundle, step, death);
        await serves(host);
        return afterAnother(host, bundle);
      });
      expect(after).toEqual(AS_IF_NOTHING_HAD_HAPPENED);
    });
  });

  test('the steps are those that a deploy goes through', async () => {
    const host = cli.fleet.host('air');
    const before = journalOf(host).length;
    await host.exec('rm -rf .mlxfleet/runtime/uv-*');
    expect(await cli.deploy(['air', '--clean'])).toMatchObject({ exitCode: 0 });
    const steps = [
      ...journalOf(host)
        .slice(before)
        .matchAll(/ ([a-z]+) begin/g),
    ].map(([, step]) => step);
    expect(new Set(steps)).toEqual(new Set(DEPLOY_STEPS));
  });
});
