import { spawn, spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LoopbackSshd, makeKeyPair, sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { SshOperator } from '../../../../test/support/ssh-operator.ts';
import { StandInHost } from './testing/stand-ins.ts';

function processesOf(text: string): string[] {
  const { stdout } = spawnSync('ps', ['-axww', '-o', 'stat=', '-o', 'args='], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.includes(text) && !line.startsWith('Z'));
}

describeUnless(sshdObstacle(), 'an operator that is killed', () => {
  let host: StandInHost;
  let operator: SshOperator;
  let sshd: LoopbackSshd;

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
    await mkdir(host.path('logs'), { recursive: true });
    await writeFile(host.path('logs/agent.log'), 'a line\n');
  });
  afterAll(async () => {
    await sshd.stop();
    await host.dispose();
  });

  test('leaves no quiet process on the host: followed logs, a command', async () => {
    const settings = {
      ...host.target.settings,
      address: '127.0.0.1',
      connection: 'ssh',
      sshPort: sshd.port,
    };
    const child = spawn(process.execPath, [path.join(import.meta.dirname, 'testing/quiet-operator.ts')], {
      env: { ...operator.environment(), SETTINGS: JSON.stringify(settings) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await expect.poll(() => said, { timeout: 10_000 }).toMatch(/(?=[^]*a line)[^]*command/);
    const follower = `tail -n 0 -F ${host.path('logs/agent.log')}`;
    await expect.poll(() => processesOf(follower).length, { timeout: 5000 }).toBe(1);
    expect(processesOf('sleep 3199')).not.toEqual([]);
    child.kill('SIGKILL');
    await expect
      .poll(() => [...processesOf(follower), ...processesOf('sleep 3199')], { timeout: 10_000 })
      .toEqual([]);
  });
});
