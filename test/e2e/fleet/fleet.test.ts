import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureTextEnvironment } from '../../../scripts/lib/text-environment.ts';
import { cacheFolder } from '../../../scripts/lib/paths.ts';
import { describeUnless } from '../../support/skipping.ts';
import { sharedPath } from './boot-script.ts';
import { startDelayProxy } from './delay-proxy.ts';
import { Fleet } from './fleet.ts';
import { canHostFleet } from './obstacle.ts';

const strictSsh = ['-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=yes', '-o', 'ConnectTimeout=2'];

describeUnless(await canHostFleet(), 'the test fleet', () => {
  let fleet: Fleet;

  beforeAll(async () => {
    await ensureTextEnvironment();
    fleet = await Fleet.create({
      hosts: ['studio', 'air', { name: 'mini', rootMegabytes: 2 }],
      shared: { cache: cacheFolder },
    });
  });
  afterAll(() => fleet.destroy());

  const ssh = (host: string, command: string, options: readonly string[] = []) =>
    fleet.operator.run('ssh', [...strictSsh, ...options, host, command]);

  test('the operator logs in with strict host keys and finds a home and a name of the host', async () => {
    const { stdout, stderr, exitCode } = await ssh(
      'studio',
      'hostname; echo "$HOME"; echo "$SHELL"; echo "$PATH"',
    );
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    const [name, home, shell, searchPath] = stdout.split('\n');
    expect(name).toBe('studio');
    expect(home).toBe(fleet.host('studio').home);
    expect(shell).toBe('/bin/sh');
    expect(searchPath).toMatch(/^\/usr\/local\/sbin:/);
  });

  test('ssh -G shows the settings of the operator, not those of the account that runs the tests', async () => {
    const { stdout } = await fleet.operator.run('ssh', ['-G', 'air']);
    expect(stdout).toContain(`hostname ${fleet.host('air').address}`);
    expect(stdout).toContain(`identityfile ${fleet.operator.identity}`);
  });

  test('connections and sessions are counted', async () => {
    const air = fleet.host('air');
    const counts = await air.countSshdDuring(async () => {
      await ssh('air', 'true');
      await ssh('air', 'true');
    });
    expect(counts).toEqual({ connections: 2, logins: 2, sessions: 2 });
    const shared = [
      '-o',
      'ControlMaster=auto',
      '-o',
      `ControlPath=${fleet.folder}/mux`,
      '-o',
      'ControlPersist=5',
    ];
    const multiplexed = await air.countSshdDuring(async () => {
      await ssh('air', 'true', shared);
      await ssh('air', 'true', shared);
      await ssh('air', 'true', ['-O', 'exit', ...shared]);
    });
    expect(multiplexed).toEqual({ connections: 1, logins: 1, sessions: 2 });
  });

  test('a changed host key is refused', async () => {
    await fleet.host('air').replaceHostKey();
    const { stderr, exitCode } = await ssh('air', 'true');
    expect(exitCode).toBe(255);
    expect(stderr).toContain('REMOTE HOST IDENTIFICATION HAS CHANGED');
    await fleet.learnHostKeys();
    expect((await ssh('air', 'true')).exitCode).toBe(0);
  });

  test('a partitioned host is unreachable, the others are not, and it comes back', async () => {
    const studio = fleet.host('studio');
    await studio.partition();
    expect((await ssh('studio', 'true')).exitCode).toBe(255);
    expect((await ssh('air', 'true')).exitCode).toBe(0);
    await studio.heal();
    expect((await ssh('studio', 'true')).exitCode).toBe(0);
  });

  test('a power cut ends every process, detached ones too; files stay', async () => {
    const studio = fleet.host('studio');
    await ssh(
      'studio',
      'echo kept > kept; echo gone > /tmp/gone; setsid sleep 4321 </dev/null >/dev/null 2>&1 &',
    );
    const before = (await studio.processes()).map((entry) => entry.command);
    expect(before).toContain('sleep 4321');
    await studio.powerCut();
    expect((await ssh('studio', 'true')).exitCode).toBe(255);
    await studio.boot();
    expect((await studio.processes()).map((entry) => entry.command)).not.toContain('sleep 4321');
    expect((await ssh('studio', 'cat kept; ls /tmp')).stdout).toBe('kept\n');
  });

  test('orphans are reaped', async () => {
    const air = fleet.host('air');
    await air.exec('(sleep 0.1 &) ; sleep 0.3');
    expect((await air.processes()).filter((entry) => entry.command.includes('defunct'))).toEqual([]);
  });

  test('hosts see one another and the operator, and nothing beyond', async () => {
    const air = fleet.host('air');
    expect((await air.exec('ip route')).stdout.trim().split('\n')).toHaveLength(1);
    const greeting = 'exec 3<>/dev/tcp/studio/22; head -c 4 <&3';
    expect((await air.exec(`bash -c '${greeting}'`)).stdout).toBe('SSH-');
  });

  test('a host with a small root runs full', async () => {
    const mini = fleet.host('mini');
    const { stderr } = await mini.exec('head -c 4000000 /dev/zero > .mlxfleet/big');
    expect(stderr).toContain('No space left');
    await mini.exec('rm .mlxfleet/big');
  });

  test('folders of this machine are there, read-only', async () => {
    const air = fleet.host('air');
    expect((await air.exec(`ls ${sharedPath('cache')}`)).stdout).toContain('envs');
    expect((await air.exec(`touch ${sharedPath('cache')}/x`)).exitCode).not.toBe(0);
  });

  test('MLX computes on a host: its compiler and a writable /tmp are there', async () => {
    const python = (await ensureTextEnvironment()).replace(cacheFolder, sharedPath('cache'));
    const program = [
      'import mlx.core as mx',
      'fused = mx.compile(lambda x: mx.exp(x) * 2 + 1)',
      'print(fused(mx.zeros(3)).tolist())',
    ].join('; ');
    const { stdout, stderr } = await fleet.host('air').exec(`${python} -c '${program}'`);
    expect(stderr).toBe('');
    expect(stdout).toBe('[3.0, 3.0, 3.0]\n');
  });

  test('a second fleet has its own network and leaves nothing behind', async () => {
    const other = await Fleet.create({ hosts: ['studio'] });
    expect(other.host('studio').address).not.toBe(fleet.host('studio').address);
    expect((await other.operator.run('ssh', [...strictSsh, 'studio', 'hostname'])).stdout).toBe('studio\n');
    await other.destroy();
    expect(existsSync(other.folder)).toBe(false);
    expect((await ssh('studio', 'hostname')).stdout).toBe('studio\n');
  });

  test('what a killed run left is cleared away by the next', async () => {
    const crashing = path.join(import.meta.dirname, 'crash-with-fleet.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [crashing]).catch(
      (failure: { stdout: string }) => failure,
    );
    const left = stdout.trim();
    expect(existsSync(left)).toBe(true);
    const next = await Fleet.create({ hosts: [] });
    await next.destroy();
    expect(existsSync(left)).toBe(false);
    const links = await readdir('/sys/class/net');
    const number = left.slice(left.lastIndexOf('-') + 1);
    expect(links.filter((link) => link.startsWith(`mf${number}h`) || link === `mf${number}br`)).toEqual([]);
  });

  test('the delay proxy adds a round trip to every answer', async () => {
    const { address, port } = fleet.host('air');
    const proxy = await startDelayProxy({ host: address, port }, 100);
    const options = [
      '-p',
      String(proxy.port),
      '-o',
      `HostKeyAlias=${address}`,
      '-i',
      fleet.operator.identity,
    ];
    const start = performance.now();
    const result = await ssh('root@127.0.0.1', 'echo far', options);
    const milliseconds = performance.now() - start;
    await proxy.close();
    expect(result.stdout).toBe('far\n');
    expect(milliseconds).toBeGreaterThan(400);
  });
});
