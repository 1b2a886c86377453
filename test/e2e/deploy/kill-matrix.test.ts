import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkout } from '../../../scripts/lib/paths.ts';
import { describeUnless } from '../../support/skipping.ts';
import type { FleetHost } from '../fleet/fleet-host.ts';
import { canHostFleet } from '../fleet/obstacle.ts';
import { CheckoutCopy } from './checkout-copy.ts';
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

/** How a deploy can die. Each returns once nothing of the dying is under way any more. */
const DEATHS = {
  'the command line is killed': async (scene: Scene) => {
    scene.killCommand();
  },
  'the network is cut': async (scene: Scene) => {
    await scene.host.partition();
    scene.killCommand();
    await scene.untilSettled();
    await scene.host.heal();
  },
  'the script on the host is killed': async (scene: Scene) => {
    await scene.killScript();
    await scene.ended;
  },
  'the host loses its power': async (scene: Scene) => {
    await scene.host.powerCut();
    scene.killCommand();
    await scene.host.boot();
    await scene.startService();
  },
} as const;

/** Waits until nothing stands in the way; fails with the last obstacle. */
async function until(obstacle: () => Promise<string | null>, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await obstacle();
    if (found === null) return;
    if (performance.now() > deadline) throw new Error(`after ${String(timeoutMs / 1000)} s: ${found}`);
    await sleep(200);
  }
}

/** A change of one host that is under way. */
class Scene {
  readonly host: FleetHost;
  readonly ended: Promise<unknown>;
  readonly killCommand: () => void;

  constructor(host: FleetHost, command: { ended: Promise<unknown>; kill: () => void }) {
    this.host = host;
    this.ended = command.ended;
    this.killCommand = command.kill;
  }

  /** Nothing holds the host's lock and nothing is undecided: seen from the machine, not over the network. */
  async untilSettled(): Promise<void> {
    const busy = (): boolean =>
      ['lock/holder', 'pending'].some((name) => existsSync(path.join(this.host.root, 'deploy', name)));
    await until(async () => (busy() ? 'a change is under way' : null), 120_000);
  }

  async killScript(): Promise<void> {
    await this.host.exec('kill -KILL "$(sed -n "s/^pid=//p" .mlxfleet/deploy/lock/holder)"');
  }

  /** What a service manager does at boot. */
  async startService(): Promise<void> {
    await this.host.exec(
      '[ ! -f .mlxfleet/run/supervisor.sh ] || setsid /bin/sh "$HOME/.mlxfleet/run/supervisor.sh" "$HOME/.mlxfleet" </dev/null >/dev/null 2>&1 &',
    );
  }
}

describeUnless(await canHostFleet(), 'whatever dies', () => {
  let cli: FleetCli;
  let pool: Pool<FleetHost>;
  let version = 0;

  beforeAll(async () => {
    cli = await FleetCli.create(HOSTS);
    await cli.placeModels();
    const deployed = await cli.deploy();
    expect(deployed).toMatchObject({ exitCode: 0 });
    // A rollback needs somewhere to go.
    expect(await cli.deploy([], (await nextVersion()).cliBundle)).toMatchObject({ exitCode: 0 });
    pool = new Pool(cli.fleet.hosts);
  });
  afterAll(() => cli.fleet.destroy());

  const nextVersion = async (): Promise<CheckoutCopy> => {
    version += 1;
    const copy = await CheckoutCopy.create(path.join(cli.fleet.folder, `version-${String(version)}`));
    return copy.changeWorker(String(version));
  };

  /** Starts a command and lets it die as soon as the host's journal tells that it has begun the step. */
  const dieAt = async (
    host: FleetHost,
    argv: readonly string[],
    bundle: string,
    step: string,
    death: (scene: Scene) => Promise<void>,
  ): Promise<void> => {
    const journal = path.join(host.root, 'deploy/journal');
    const before = readFileSync(journal, 'utf8').length;
    const {
      file,
      argv: words,
      env,
    } = cli.fleet.operator.command(process.execPath, [bundle, '-i', cli.inventory, ...argv]);
    const child = spawn(file, words, { env, stdio: 'ignore' });
    const ended = once(child, 'exit');
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    const began = ` ${step} begin`;
    while (!isOver && !readFileSync(journal, 'utf8').slice(before).includes(began)) await sleep(2);
    expect(readFileSync(journal, 'utf8').slice(before), 'the journal of the command').toContain(began);
    await death(new Scene(host, { ended, kill: () => child.kill('SIGKILL') }));
    await ended;
  };

  const succeeds = async (argv: readonly string[], bundle: string) => {
    const document = await cli.deploy(argv, bundle);
    expect(document.hosts[0]?.error, JSON.stringify(document)).toBeNull();
    return document;
  };

  const serves = async (host: FleetHost): Promise<void> => {
    await until(
      async () => cli.complete(host.name).then((tokens) => (tokens > 0 ? null : 'no token'), String),
      90_000,
    );
  };

  /** What a change may leave: nothing. */
  const leftovers = async (host: FleetHost): Promise<string[]> => {
    const { stdout } = await host.exec(
      `cd .mlxfleet && ls -A deploy/lock; ls -d deploy/pending* releases/*.partial runtime/*.partial current.new \
        deploy/*.new* deploy/*/*.new* shared/*.new* run/gate.* 2>/dev/null`,
    );
    const running = (await host.processes()).filter(({ command }) =>
      /guard\.sh|control\.mjs|\buv\b|\/bin\/sh -s/.test(command),
    );
    const services = (await host.processes()).filter(({ command }) =>
      / serve --root |supervisor\.sh/.test(command),
    );
    const expected = services.length === 2 ? [] : services.map(({ command }) => `service: ${command}`);
    return [
      ...stdout.split('\n').filter((line) => line !== ''),
      ...running.map(({ command }) => command),
      ...expected,
    ];
  };

  const converges = async (host: FleetHost, bundle: string): Promise<void> => {
    const again = await succeeds([host.name, '--wait-lock', '120'], bundle);
    await serves(host);
    expect((await cli.status([host.name])).hosts).toMatchObject([
      { state: 'healthy', release: again.hosts[0]?.release },
    ]);
    await until(async () => (await leftovers(host)).join(', ') || null, 20_000);
    expect((await cli.deploy([host.name], bundle)).hosts).toMatchObject([{ outcome: 'unchanged' }]);
  };

  describe.concurrent.each(Object.entries(DEATHS))('when %s', (_, death) => {
    test.each(DEPLOY_STEPS)('at the step %s of a deploy', async (step) => {
      await pool.lend(async (host) => {
        const isFresh = FRESH_STEPS.has(step);
        if (isFresh) await host.exec('rm -rf .mlxfleet/runtime/uv-*');
        const { cliBundle } = await nextVersion();
        await dieAt(host, ['deploy', host.name, ...(isFresh ? ['--clean'] : [])], cliBundle, step, death);
        await serves(host);
        await converges(host, cliBundle);
      });
    });

    test.each(ROLLBACK_STEPS)('at the step %s of a rollback', async (step) => {
      await pool.lend(async (host) => {
        const { cliBundle } = await nextVersion();
        await succeeds([host.name], cliBundle);
        await dieAt(host, ['rollback', host.name], cliBundle, step, death);
        await serves(host);
        await converges(host, cliBundle);
      });
    });
  });

  test('the steps are those that a deploy goes through', async () => {
    const host = cli.fleet.host('air');
    const journal = path.join(host.root, 'deploy/journal');
    const before = readFileSync(journal, 'utf8').length;
    await host.exec('rm -rf .mlxfleet/runtime/uv-*');
    expect(await cli.deploy(['air', '--clean'])).toMatchObject({ exitCode: 0 });
    const lines = readFileSync(journal, 'utf8').slice(before);
    const steps = [...lines.matchAll(/ ([a-z]+) begin/g)].map(([, step]) => step);
    expect([...new Set(steps)].toSorted()).toEqual(DEPLOY_STEPS.toSorted());
  });
});
