import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pruneDocumentSchema } from '@mlxfleet/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureTinyText } from '../../../scripts/lib/models.ts';
import { describeUnless } from '../../support/skipping.ts';
import { canHostFleet } from '../fleet/obstacle.ts';
import { makeKey } from '../fleet/host-files.ts';
import { CheckoutCopy } from './checkout-copy.ts';
import { FleetCli } from './fleet-cli.ts';

describeUnless(await canHostFleet(), 'trouble on the way', () => {
  let cli: FleetCli;

  beforeAll(async () => {
    cli = await FleetCli.create([{ name: 'mini', rootMegabytes: 1400 }]);
    const mini = cli.fleet.host('mini');
    // Its root is a file system of the host's own, so that the model goes in from inside.
    const model = await ensureTinyText();
    const names = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
    await mini.exec('mkdir -p .mlxfleet/shared/models/tiny-text');
    for (const name of names) {
      const content = (await readFile(path.join(model, name))).toString('base64');
      await mini.exec(`base64 -d >.mlxfleet/shared/models/tiny-text/${name}`, { input: content });
    }
  });
  afterAll(() => cli.fleet.destroy());

  const leftovers = async () => {
    const { stdout } = await cli.fleet
      .host('mini')
      .exec(
        'cd .mlxfleet && ls -A deploy/lock 2>/dev/null; ls -d releases/*.partial runtime/*.partial 2>/dev/null',
      );
    return stdout;
  };

  test('Ctrl-C in the middle of a first deploy leaves nothing half made, and the next deploy succeeds', async () => {
    const interrupted = await cli.interrupt(['deploy'], 'mini', /environment begin/);
    expect(interrupted).toMatchObject({ exitCode: 130 });
    await expect.poll(leftovers, { timeout: 15_000 }).toBe('');
    const document = await cli.deploy();
    expect(document).toMatchObject({ exitCode: 0, hosts: [{ outcome: 'changed' }] });
    expect(await cli.complete('mini')).toBeGreaterThan(0);
  });

  test('Ctrl-C after the switch brings the old release back, and the next deploy succeeds', async () => {
    const [before] = (await cli.status()).hosts;
    const later = await (
      await CheckoutCopy.create(path.join(cli.fleet.folder, 'later'))
    ).changeWorker('later');
    const interrupted = await cli.interrupt(['deploy'], 'mini', /gate begin/, later.cliBundle);
    expect(interrupted).toMatchObject({ exitCode: 130 });
    await expect.poll(leftovers, { timeout: 30_000 }).toBe('');
    await expect.poll(() => cli.complete('mini').catch(() => 0), { timeout: 30_000 }).toBeGreaterThan(0);
    expect((await cli.status()).hosts).toMatchObject([{ state: 'healthy', release: before?.release }]);
    const document = await cli.deploy([], later.cliBundle);
    expect(document).toMatchObject({
      exitCode: 0,
      hosts: [{ outcome: 'changed', previous: before?.release }],
    });
  });

  test('a full disk fails the deploy with a clear error, and the old release keeps running', async () => {
    const mini = cli.fleet.host('mini');
    const [before] = (await cli.status()).hosts;
    await mini.exec('dd if=/dev/zero of=.mlxfleet/filler bs=1M 2>/dev/null; :');
    try {
      const next = await (
        await CheckoutCopy.create(path.join(cli.fleet.folder, 'next'))
      ).changeWorker('next');
      const document = await cli.deploy([], next.cliBundle);
      expect(document.exitCode).toBe(1);
      expect(document.hosts).toMatchObject([{ outcome: 'failed', error: { code: 'DISK_FULL' } }]);
      expect(document.hosts[0]?.error?.message).toMatch(/free|needed|space/);
      expect(await cli.complete('mini')).toBeGreaterThan(0);
    } finally {
      await mini.exec('rm -f .mlxfleet/filler');
    }
    expect((await cli.status()).hosts).toMatchObject([{ state: 'healthy', release: before?.release }]);
  });

  test('prune works on a disk that has not even room for the lock', async () => {
    const mini = cli.fleet.host('mini');
    const [before] = (await cli.status()).hosts;
    await mini.exec(
      'mkdir .mlxfleet/envs/text-left && dd if=/dev/zero of=.mlxfleet/envs/text-left/x bs=1M count=8',
    );
    await mini.exec(
      'dd if=/dev/zero of=.mlxfleet/filler bs=1M 2>/dev/null; cat /dev/zero >>.mlxfleet/filler; :',
    );
    try {
      const pruned = await cli.run(['--json', 'prune', '--keep', '1']);
      expect(pruned.exitCode).toBe(0);
      const { hosts } = pruneDocumentSchema.parse(JSON.parse(pruned.stdout));
      expect(hosts).toMatchObject([{ outcome: 'changed', error: null }]);
      expect(hosts[0]?.removed).toContain('envs/text-left');
      expect(hosts[0]?.freedBytes).toBeGreaterThanOrEqual(8_000_000);
      expect(await leftovers()).toBe('');
    } finally {
      await mini.exec('rm -f .mlxfleet/filler');
    }
    expect((await cli.status()).hosts).toMatchObject([{ state: 'healthy', release: before?.release }]);
    expect(await cli.complete('mini')).toBeGreaterThan(0);
  });

  test('a second deploy while one is under way is told who holds the lock', async () => {
    const holder = await (
      await CheckoutCopy.create(path.join(cli.fleet.folder, 'holder'))
    ).changeWorker('holder');
    const underWay = cli.run(['deploy'], holder.cliBundle);
    await expect
      .poll(
        async () => {
          const { stdout } = await cli.fleet.host('mini').exec('ls -A .mlxfleet/deploy/lock 2>/dev/null; :');
          return stdout;
        },
        { timeout: 60_000, interval: 20 },
      )
      .not.toBe('');
    const other = await (
      await CheckoutCopy.create(path.join(cli.fleet.folder, 'other'))
    ).changeWorker('other');
    const refused = await cli.run(['deploy'], other.cliBundle);
    expect(refused.exitCode).toBe(3);
    expect(refused.stdout + refused.stderr).toMatch(/lock/i);
    expect((await underWay).exitCode).toBe(0);
  });

  test('a wrong ssh key is refused with what was tried', async () => {
    const identity = path.join(cli.fleet.folder, 'stranger');
    await makeKey(identity, 'ed25519');
    const { address } = cli.fleet.host('mini');
    await writeFile(cli.fleet.operator.sshConfig, 'Host *\n  IdentitiesOnly yes\n');
    await cli.writeInventory({ hosts: { mini: { address, user: 'root', identity } } });
    try {
      const result = await cli.run(['status']);
      expect(result.exitCode).toBe(4);
      expect(result.stdout + result.stderr).toContain('stranger');
      const document = await cli.deploy();
      expect(document.hosts).toMatchObject([{ outcome: 'unreachable', error: { code: 'AUTH_FAILED' } }]);
    } finally {
      await writeFile(cli.fleet.operator.sshConfig, cli.fleet.sshConfig());
      await cli.writeInventory({});
    }
    expect((await cli.status()).exitCode).toBe(0);
  });

  test('an inventory with an unknown key is refused with its place and the nearest key', async () => {
    const { address } = cli.fleet.host('mini');
    await cli.writeInventory({ hosts: { mini: { adress: address } } });
    const result = await cli.run(['deploy']);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toMatch(/inventory\.yaml:\d+/);
    expect(result.stderr).toContain('adress');
    expect(result.stderr).toContain('address');
    await cli.writeInventory({});
    expect((await cli.run(['validate'])).exitCode).toBe(0);
  });

  test('two hosts of one name are refused with both places', async () => {
    const text = await readFile(cli.inventory, 'utf8');
    await writeFile(cli.inventory, text.replace('hosts:\n', 'hosts:\n  mini: { address: 127.0.0.1 }\n'));
    const result = await cli.run(['status']);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toMatch(/mini/);
    expect(result.stderr).toMatch(/inventory\.yaml:\d+/);
    await cli.writeInventory({});
    expect((await cli.status()).exitCode).toBe(0);
  });

  test('a host key that changed is refused with the line to remove', async () => {
    await cli.fleet.host('mini').replaceHostKey();
    const result = await cli.run(['status']);
    expect(result.exitCode).toBe(4);
    expect(result.stdout + result.stderr).toMatch(/known_hosts:\d+/);
    const document = await cli.deploy();
    expect(document.hosts).toMatchObject([{ outcome: 'unreachable', error: { code: 'HOST_KEY_CHANGED' } }]);
    await cli.fleet.learnHostKeys();
    expect((await cli.status()).exitCode).toBe(0);
  });
});
