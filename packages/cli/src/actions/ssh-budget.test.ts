import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentConfig } from '@mlxfleet/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LoopbackSshd, makeKeyPair, sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { SshOperator } from '../../../../test/support/ssh-operator.ts';
import type { DeploySettings } from '../deploy-types/deploy-settings.ts';
import { hooksOf } from '../hooks/hook.ts';
import { createHosts } from '../ssh/create-hosts.ts';
import { deploy } from './deploy.ts';
import { rollback } from './rollback.ts';
import { status } from './status.ts';
import type { Target } from '../deploy-types/target.ts';
import {
  type Behaviour,
  RecordingObserver,
  StandInHost,
  standInPayload,
  standInSettings,
} from './testing/stand-ins.ts';

/** What sshd saw of one command. */
interface Cost {
  readonly connections: number;
  readonly sessions: number;
}

/** What a deploy has otherwise. */
interface BudgetChanges extends Partial<DeploySettings> {
  readonly behaviour?: Behaviour;
  readonly agentConfig?: AgentConfig;
}

/** How many round trips a command may take, told by sshd itself; each test goes on where the one before ended. */
describeUnless(sshdObstacle(), 'over ssh', () => {
  let host: StandInHost;
  let operator: SshOperator;
  let sshd: LoopbackSshd;
  const { signal } = new AbortController();

  beforeAll(async () => {
    host = await StandInHost.create();
    operator = await SshOperator.create(path.join(host.folder, 'operator'));
    const key = path.join(operator.folder, 'id');
    await makeKeyPair(key);
    sshd = await LoopbackSshd.start({
      folder: path.join(host.folder, 'sshd'),
      authorizedKeys: [await readFile(`${key}.pub`, 'utf8')],
    });
    await writeFile(operator.knownHosts, `[127.0.0.1]:${String(sshd.port)} ${await sshd.publicKey()}\n`);
  });
  afterAll(async () => {
    await sshd.stop();
    await host.dispose();
  });

  async function costOf<Result>(
    work: (target: Target) => Promise<Result>,
  ): Promise<{ result: Result; cost: Cost }> {
    const settings = {
      ...host.target.settings,
      name: 'air',
      address: '127.0.0.1',
      connection: 'ssh' as const,
      sshPort: sshd.port,
    };
    const [connection] = createHosts(
      { selected: [settings], all: [settings] },
      { acceptNew: false, env: operator.environment() },
    );
    if (connection === undefined) throw new Error('no host');
    const before = sshd.log.length;
    const result = await work({ settings, host: connection });
    await connection.close();
    await expect
      .poll(() => sshd.log.slice(before), { timeout: 5000 })
      .toMatch(/Disconnected from user|Closing connection/);
    await sleep(50);
    const log = sshd.log.slice(before);
    const count = (pattern: RegExp): number => log.match(pattern)?.length ?? 0;
    return {
      result,
      cost: { connections: count(/^Connection from /gm), sessions: count(/^Starting session:/gm) },
    };
  }

  async function outcomeOf(
    version: string,
    { behaviour, agentConfig, ...changes }: BudgetChanges = {},
  ): Promise<{ outcome: unknown; cost: Cost }> {
    const payload = await standInPayload(host.folder, version, behaviour);
    const sources = { payload: async () => payload, runtimes: host.runtimes };
    const { result, cost } = await costOf(async ({ settings, ...way }) => {
      const target = { ...way, settings: { ...settings, ...(agentConfig && { agentConfig }) } };
      return deploy([target], { ...standInSettings, ...changes }, new RecordingObserver(), signal, sources);
    });
    return { outcome: result.document.hosts[0]?.outcome, cost };
  }

  test('a first deploy sends three files, and is confirmed over a connection of its own', async () => {
    expect(await outcomeOf('1.0.0')).toEqual({ outcome: 'changed', cost: { connections: 2, sessions: 6 } });
  });

  test('a deploy that changes nothing is one session', async () => {
    expect(await outcomeOf('1.0.0')).toEqual({ outcome: 'unchanged', cost: { connections: 1, sessions: 1 } });
  });

  test('a dry run is one session, and sends nothing', async () => {
    const cost = { connections: 1, sessions: 1 };
    expect(await outcomeOf('1.1.0', { dryRun: true })).toEqual({ outcome: 'changed', cost });
    expect(await outcomeOf('1.0.0', { dryRun: true })).toEqual({ outcome: 'unchanged', cost });
  });

  test('a deploy of another configuration is three sessions without an upload, and so is the way back', async () => {
    const { agentConfig } = host.target.settings;
    const cost = { connections: 2, sessions: 3 };
    const other = { ...agentConfig, queue_depth: 7 };
    expect(await outcomeOf('1.0.0', { agentConfig: other })).toEqual({ outcome: 'changed', cost });
    expect(await outcomeOf('1.0.0')).toEqual({ outcome: 'changed', cost });
  });

  test('another smoke-test model or other hooks change nothing', async () => {
    const hooks = hooksOf({ hooks: { 'pre-deploy': [{ run: 'false' }] } }, '/');
    expect(await outcomeOf('1.0.0', { smokeTestModel: 'a/small', hooks })).toEqual({
      outcome: 'unchanged',
      cost: { connections: 1, sessions: 1 },
    });
  });

  test('a deploy of a new release is three sessions and the upload', async () => {
    expect(await outcomeOf('1.1.0')).toEqual({ outcome: 'changed', cost: { connections: 2, sessions: 4 } });
  });

  test('a deploy that goes back by itself is not confirmed: two sessions and the upload', async () => {
    expect(await outcomeOf('1.2.0', { behaviour: 'exits' })).toEqual({
      outcome: 'rolled-back',
      cost: { connections: 1, sessions: 3 },
    });
  });

  test('a rollback is one session', async () => {
    const { result, cost } = await costOf(async (target) =>
      rollback([target], { ...standInSettings }, new RecordingObserver(), signal),
    );
    expect(result.hosts[0]?.outcome).toBe('changed');
    expect(cost).toEqual({ connections: 1, sessions: 1 });
  });

  test('a status is one session', async () => {
    const { result, cost } = await costOf(async (target) => status([target], signal));
    expect(result.hosts[0]).toMatchObject({ state: 'healthy', version: '1.0.0' });
    expect(cost).toEqual({ connections: 1, sessions: 1 });
  });

  test('a host that hangs does not outlast the deadline of a status', async () => {
    const [target] = [host.target];
    const hanging: Target = {
      settings: target.settings,
      host: {
        ...target.host,
        name: 'air',
        address: 'air',
        run: async () => new Promise<never>(() => undefined),
      },
    };
    const document = await status([hanging], signal, 100);
    expect(document.hosts[0]).toMatchObject({ state: 'unreachable', error: { code: 'STATUS_TIMEOUT' } });
  });
});
