import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { DeployDocument } from '@mlxfleet/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeUnless } from '../../support/skipping.ts';
import { canHostFleet } from '../fleet/obstacle.ts';
import { CheckoutCopy } from './checkout-copy.ts';
import { FleetCli, MODEL } from './fleet-cli.ts';

const HOSTS = ['studio', 'air', 'mini'];

const outcomes = (document: DeployDocument): Record<string, string> =>
  Object.fromEntries(document.hosts.map(({ name, outcome }) => [name, outcome]));

describeUnless(await canHostFleet(), 'a fleet of three hosts', () => {
  let cli: FleetCli;
  let first: Map<string, string | null>;

  beforeAll(async () => {
    cli = await FleetCli.create(HOSTS);
    await cli.placeModels();
  });
  afterAll(() => cli.fleet.destroy());

  const copy = (name: string) => CheckoutCopy.create(path.join(cli.fleet.folder, name));
  const currentReleases = async () =>
    new Map((await cli.status()).hosts.map(({ name, release }) => [name, release]));
  const agentPid = (host: string) => readFile(path.join(cli.fleet.host(host).root, 'run/agent.pid'), 'utf8');

  test('is deployed by one command', async () => {
    const document = await cli.deploy();
    expect(document).toMatchObject({ exitCode: 0 });
    expect(outcomes(document)).toEqual({ studio: 'changed', air: 'changed', mini: 'changed' });
    first = new Map(document.hosts.map(({ name, release }) => [name, release]));
  });

  test.each(HOSTS)('answers through the official client on %s, streaming and not', async (host) => {
    const request = {
      model: MODEL,
      messages: [{ role: 'user' as const, content: 'hello' }],
      max_tokens: 16,
      temperature: 0,
    };
    const whole = await cli.client(host).chat.completions.create(request);
    const stream = await cli.client(host).chat.completions.create({ ...request, stream: true });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(whole.usage?.completion_tokens).toBeGreaterThan(0);
    const models = await cli.client(host).models.list();
    expect(models.data.map((model) => model.id)).toEqual([MODEL]);
  });

  test('shows three healthy hosts with their models', async () => {
    const status = await cli.status();
    expect(status.exitCode).toBe(0);
    expect(status.hosts.map(({ name, state }) => [name, state])).toEqual(
      HOSTS.map((name) => [name, 'healthy']),
    );
    for (const host of status.hosts) {
      expect(host.release).toBe(first.get(host.name));
      expect(host.models).toMatchObject([{ id: MODEL, state: 'ready' }]);
      expect(host.memory?.totalBytes).toBeGreaterThan(0);
    }
  });

  test('is left alone by a second deploy: one connection and one session a host', async () => {
    const pids = await Promise.all(HOSTS.map(agentPid));
    const studio = cli.fleet.host('studio');
    const counts = await studio.countSshdDuring(async () => {
      const document = await cli.deploy();
      expect(document.exitCode).toBe(0);
      expect(outcomes(document)).toEqual({ studio: 'unchanged', air: 'unchanged', mini: 'unchanged' });
    });
    expect(counts).toMatchObject({ connections: 1, sessions: 1 });
    expect(await Promise.all(HOSTS.map(agentPid))).toEqual(pids);
    expect(await currentReleases()).toEqual(first);
  });

  test('of a changed setting takes that alone, as a dry run says: nothing is sent, and the agent restarts', async () => {
    const air = cli.fleet.host('air');
    const pid = await agentPid('air');
    await cli.writeInventory({ models: [{ id: MODEL, ttl: '9m' }] });
    const looks = await air.countSshdDuring(async () => {
      const { exitCode, stdout } = await cli.run(['deploy', '--dry-run', 'air']);
      expect(exitCode).toBe(0);
      expect(stdout).toContain(`  models\n    ~ ${MODEL}: ttl_seconds null -> 540\n`);
      expect(stdout).toContain('    ~ restart the agent: its configuration\n');
      expect(stdout).toContain('to send: nothing\n');
      expect(stdout).not.toMatch(/release\n|envs\/|runtime\/|removed/);
    });
    expect(looks).toMatchObject({ connections: 1, sessions: 1 });
    expect(await agentPid('air')).toBe(pid);
    const counts = await air.countSshdDuring(async () => {
      const document = await cli.deploy(['air']);
      expect(document.hosts).toMatchObject([{ outcome: 'changed', release: first.get('air') }]);
    });
    // A look and the change over one connection, the confirmation over another.
    expect(counts).toMatchObject({ connections: 2, sessions: 3 });
    expect(await agentPid('air')).not.toBe(pid);
    const again = await cli.run(['deploy', '--dry-run', 'air']);
    expect(again.stdout).toMatch(/^1 host: 1 unchanged in/m);
    await cli.writeInventory({});
    expect(outcomes(await cli.deploy(['air']))).toEqual({ air: 'changed' });
  });

  test('takes a new release, and a rollback brings the first one back in one session', async () => {
    const later = await (await copy('later')).changeWorker('a later version');
    const { stdout } = await cli.run(['deploy', '--dry-run', 'studio'], later.cliBundle);
    expect(stdout).toMatch(/ 1 changed, \d+ the same\n +~ worker\/mlxfleet_worker\/__init__\.py\n/);
    expect(stdout).not.toMatch(/environments|configuration/);
    let document = await cli.deploy(['studio', '--dry-run'], later.cliBundle);
    const costs = await cli.fleet.host('studio').countSshdDuring(async () => {
      document = await cli.deploy([], later.cliBundle);
    });
    expect(costs).toMatchObject({ connections: 2, sessions: 4 });
    expect(document.exitCode).toBe(0);
    expect(outcomes(document)).toEqual({ studio: 'changed', air: 'changed', mini: 'changed' });
    for (const host of document.hosts) {
      expect(host.previous).toBe(first.get(host.name));
      expect(host.release).not.toBe(host.previous);
    }
    expect(await cli.complete('air')).toBeGreaterThan(0);

    const air = cli.fleet.host('air');
    const counts = await air.countSshdDuring(async () => {
      const back = await cli.rollback();
      expect(back.exitCode).toBe(0);
      expect(outcomes(back)).toEqual({ studio: 'changed', air: 'changed', mini: 'changed' });
    });
    expect(counts).toMatchObject({ connections: 1, sessions: 1 });
    expect(await currentReleases()).toEqual(first);
    for (const host of HOSTS) expect(await cli.complete(host)).toBeGreaterThan(0);
  });

  test('undoes a release whose agent cannot start, by itself', async () => {
    const broken = await (await copy('broken')).breakAgent();
    const { exitCode, hosts } = await cli.deploy(['air'], broken.cliBundle);
    expect(exitCode).toBe(1);
    expect(hosts).toMatchObject([{ name: 'air', outcome: 'rolled-back', release: first.get('air') }]);
    expect(hosts[0]?.error?.message).toBeTruthy();
    expect(await cli.complete('air')).toBeGreaterThan(0);
    const [air] = (await cli.releases(['air'])).hosts;
    expect(air?.releases.filter((release) => release.state === 'failed')).toHaveLength(1);
    expect(air?.releases.find((release) => release.current)?.id).toBe(first.get('air'));
    const text = await cli.run(['deploy', 'air'], broken.cliBundle);
    expect(text.exitCode).toBe(1);
    expect(text.stdout + text.stderr).toContain('this agent cannot start');
  });

  test('goes on without a host that is cut off, and says so', async () => {
    const mini = cli.fleet.host('mini');
    await mini.partition();
    try {
      const next = await (await copy('next')).changeWorker('while one host is away');
      const document = await cli.deploy([], next.cliBundle);
      expect(document.exitCode).toBe(1);
      expect(outcomes(document)).toEqual({ studio: 'changed', air: 'changed', mini: 'unreachable' });
      const start = performance.now();
      const status = await cli.status();
      expect(performance.now() - start).toBeLessThan(12_000);
      expect(status.exitCode).toBe(1);
      expect(status.hosts.map(({ state }) => state)).toEqual(['healthy', 'healthy', 'unreachable']);
      expect(status.hosts[2]?.error).toMatchObject({ code: 'HOST_UNREACHABLE' });
    } finally {
      await mini.heal();
    }
    expect((await cli.status(['mini'])).hosts).toMatchObject([
      { state: 'healthy', release: first.get('mini') },
    ]);
  });

  test('is stopped, started and restarted', async () => {
    expect((await cli.run(['stop', 'studio'])).exitCode).toBe(0);
    expect((await cli.status(['studio'])).hosts).toMatchObject([{ state: 'stopped' }]);
    expect(
      (await cli.fleet.host('studio').processes()).filter(({ command }) =>
        /agent\.mjs|mlxfleet_worker/.test(command),
      ),
    ).toEqual([]);
    expect((await cli.run(['start', 'studio'])).exitCode).toBe(0);
    expect(await cli.complete('studio')).toBeGreaterThan(0);
    const before = await agentPid('studio');
    expect((await cli.run(['restart', 'studio'])).exitCode).toBe(0);
    expect(await agentPid('studio')).not.toBe(before);
    expect(await cli.complete('studio')).toBeGreaterThan(0);
  });

  test('loads and unloads models, chats, runs commands and shows logs', async () => {
    expect((await cli.run(['load', MODEL, 'studio', '--pin'])).exitCode).toBe(0);
    expect((await cli.status(['studio'])).hosts[0]?.models).toMatchObject([{ id: MODEL, state: 'ready' }]);
    expect((await cli.run(['unload', MODEL, 'studio'])).exitCode).toBe(0);
    const chat = await cli.run(['chat', 'studio', 'hello', '--max-tokens', '8', '--temperature', '0']);
    expect([chat.exitCode, chat.stdout.length > 0]).toEqual([0, true]);
    const command = await cli.run(['exec', 'studio', 'air', '--', 'echo', "it's here", '$HOME']);
    expect(command.exitCode).toBe(0);
    expect(command.stdout).toMatch(/studio.*it's here \$HOME/);
    expect(command.stdout).toMatch(/air.*it's here \$HOME/);
    expect((await cli.run(['exec', 'studio', '--', 'false'])).exitCode).toBe(1);
    const logs = await cli.run(['logs', 'studio', 'air', '-n', '5']);
    expect(logs.exitCode).toBe(0);
    expect(logs.stdout).toMatch(/^studio/m);
    expect(logs.stdout).toMatch(/^air/m);
  });

  test('survives an agent that is killed: the supervisor starts it again', async () => {
    const before = await agentPid('air');
    await cli.fleet.host('air').exec(`kill -9 ${before.trim()}`);
    await expect
      .poll(() => cli.complete('air').catch(() => 0), { timeout: 30_000, interval: 500 })
      .toBeGreaterThan(0);
    expect(await agentPid('air')).not.toBe(before);
  });

  test('leaves no lock, no partial release and one supervisor a host behind', async () => {
    for (const host of cli.fleet.hosts) {
      const { stdout } = await host.exec(
        'ls -A .mlxfleet/deploy/lock 2>/dev/null; ls -d .mlxfleet/releases/*.partial 2>/dev/null',
      );
      expect(stdout).toBe('');
      const agents = (await host.processes()).filter(({ command }) => / serve --root /.test(command));
      expect(agents).toHaveLength(1);
    }
  });
});
