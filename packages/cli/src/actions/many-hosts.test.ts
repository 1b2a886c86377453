import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LoopbackSshd, makeKeyPair, sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { SshOperator } from '../../../../test/support/ssh-operator.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';
import type { Target } from '../deploy-types/target.ts';
import { createHosts } from '../ssh/create-hosts.ts';
import { deploy } from './deploy.ts';
import { status } from './status.ts';
import { RecordingObserver, StandInHost, standInPayload, standInSettings } from './testing/stand-ins.ts';

const HOSTS = 20;
const STUCK = 'host7';

describeUnless(sshdObstacle(), 'twenty hosts at once, one of which hangs after the connection', () => {
  let first: StandInHost;
  let hosts: readonly StandInHost[];
  let operator: SshOperator;
  let sshd: LoopbackSshd;
  let silent: Server;
  const { signal } = new AbortController();

  beforeAll(async () => {
    first = await StandInHost.create();
    hosts = Array.from({ length: HOSTS }, (_, index) =>
      first.with({ name: `host${String(index)}`, root: path.join(first.folder, `root ${String(index)}`) }),
    );
    operator = await SshOperator.create(path.join(first.folder, 'operator'));
    const key = path.join(operator.folder, 'id');
    await makeKeyPair(key);
    sshd = await LoopbackSshd.start({
      folder: path.join(first.folder, 'sshd'),
      authorizedKeys: [await readFile(`${key}.pub`, 'utf8')],
      config: ['MaxStartups 100'],
    });
    await writeFile(operator.knownHosts, `[127.0.0.1]:${String(sshd.port)} ${await sshd.publicKey()}\n`);
    silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
  });
  afterAll(async () => {
    silent.close();
    await Promise.all(hosts.map(async (host) => host.stop()));
    await sshd.stop();
    await first.dispose();
  });

  const withTargets = async <Result>(
    work: (targets: readonly Target[]) => Promise<Result>,
  ): Promise<Result> => {
    const address = silent.address();
    const hole = typeof address === 'object' && address !== null ? address.port : 0;
    const all = hosts.map(({ target: { settings } }): ResolvedHost => ({
      ...settings,
      address: '127.0.0.1',
      connection: 'ssh',
      sshPort: settings.name === STUCK ? hole : sshd.port,
    }));
    const ways = createHosts(
      { selected: all, all },
      { acceptNew: false, env: operator.environment(), deadlineMs: 5000 },
    );
    try {
      return await work(
        ways.flatMap((host, index) => {
          const settings = all[index];
          return settings === undefined ? [] : [{ settings, host }];
        }),
      );
    } finally {
      await Promise.all(ways.map(async (host) => host.close()));
    }
  };

  const deployAll = async (): Promise<ReadonlyMap<string, string>> => {
    const payload = await standInPayload(first.folder, '1.0.0');
    const sources = { payload: async () => payload, runtimes: first.runtimes };
    const settings = { ...standInSettings, maxParallel: HOSTS };
    const { document } = await withTargets(async (targets) =>
      deploy(targets, settings, new RecordingObserver(), signal, sources),
    );
    return new Map(document.hosts.map(({ name, outcome }) => [name, outcome]));
  };

  const everyOther = (outcome: string): ReadonlyMap<string, string> =>
    new Map(
      hosts.map(
        ({
          target: {
            settings: { name },
          },
        }) => [name, name === STUCK ? 'unreachable' : outcome],
      ),
    );

  test('are deployed, told to be unchanged, and shown, but for that one', { timeout: 120_000 }, async () => {
    expect(await deployAll()).toEqual(everyOther('changed'));
    const begun = performance.now();
    expect(await deployAll()).toEqual(everyOther('unchanged'));
    // The deadline of the one, and not one host after the other.
    expect(performance.now() - begun).toBeLessThan(5000 + 10_000);
    const shown = await withTargets(async (targets) => status(targets, signal));
    expect(new Map(shown.hosts.map(({ name, state }) => [name, state]))).toEqual(everyOther('healthy'));
  });
});
