import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { SshOperator } from '../../../../test/support/ssh-operator.ts';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { findRoute, parseJump, type Route } from './route.ts';
import { sshHostNamed } from './testing/ssh-host-named.ts';

describe('parseJump', () => {
  it.each([
    ['gate', { address: 'gate' }],
    ['bob@gate', { user: 'bob', address: 'gate' }],
    ['gate:2222', { address: 'gate', port: 2222 }],
    ['ssh://bob@gate:2222/', { user: 'bob', address: 'gate', port: 2222 }],
    ['bob@[fe80::1]:2222', { user: 'bob', address: 'fe80::1', port: 2222 }],
    ['fe80::1', { address: 'fe80::1' }],
    ['a@corp@gate', { user: 'a@corp', address: 'gate' }],
  ])('takes %s apart', (jump, parts) => {
    expect(parseJump(jump)).toEqual(parts);
  });
});

describeUnless(sshdObstacle(), 'findRoute', () => {
  let operator: SshOperator;

  beforeAll(async () => {
    operator = await SshOperator.create(await mkdtemp(path.join(tmpdir(), 'route-')));
  });
  afterAll(() => rm(operator.folder, { recursive: true, force: true }));

  const find = async (host: ResolvedHost, inventory: readonly ResolvedHost[] = [host]): Promise<Route> =>
    findRoute(host, { inventory, env: operator.environment() });

  it('lets the inventory overrule ssh_config', async () => {
    await operator.configure(['Host air.local', 'HostName 10.0.0.7', 'User alice', 'Port 2200']);
    const plain = await find(sshHostNamed('air', { address: 'air.local' }));
    expect(plain.hop.config).toMatchObject({ hostname: '10.0.0.7', user: 'alice', port: 2200 });
    const overruled = await find(
      sshHostNamed('air', { address: 'air.local', user: 'bob', sshPort: 22, identity: '~/keys/air' }),
    );
    expect(overruled.hop).toMatchObject({
      identity: path.join(operator.folder, 'keys/air'),
      config: { user: 'bob', port: 22 },
    });
    expect(overruled.via).toBeNull();
  });

  it('asks for no keys that ssh would try by itself beside the one that the inventory names', async () => {
    const identity = path.join(operator.folder, 'only');
    await writeFile(identity, '');
    await operator.configure(['Host air', 'IdentityFile none']);
    const { hop } = await find(sshHostNamed('air', { identity }));
    expect(hop.config.identityFiles.filter((file) => file.startsWith('~'))).toEqual([]);
    expect(hop.config.identityFiles).toContain(identity);
  });

  it('goes through the jumps of ssh_config, of the inventory, and through its hosts', async () => {
    await operator.configure(['Host far', 'ProxyJump one,bob@two:2222']);
    expect((await find(sshHostNamed('far'))).via).toMatchObject({
      hop: { address: 'two', config: { user: 'bob', port: 2222 } },
      via: { hop: { address: 'one' }, via: null },
    });
    const studio = sshHostNamed('studio', { address: 'studio.local', user: 'carol', sshPort: 2022 });
    const mini = sshHostNamed('mini', { jump: 'studio' });
    expect((await find(mini, [mini, studio])).via).toMatchObject({
      hop: { name: 'mini (jump studio)', address: 'studio.local', config: { user: 'carol', port: 2022 } },
      via: null,
    });
  });

  it('lets the jumps of the inventory replace those of a pattern', async () => {
    await operator.configure(['Host *', 'ProxyJump gate']);
    const gate = sshHostNamed('gate', { jump: 'none' });
    const air = sshHostNamed('air', { jump: 'gate' });
    expect((await find(air, [air, gate])).via).toMatchObject({ hop: { address: 'gate' }, via: null });
    await expect(find(sshHostNamed('mini'))).rejects.toMatchObject({
      code: 'SSH_CONFIG_INVALID',
      message: expect.stringContaining('loop'),
    });
  });

  it('takes IPv6 addresses with and without brackets', async () => {
    for (const address of ['::1', '[::1]']) {
      expect((await find(sshHostNamed('six', { address, jump: 'none' }))).hop.config.hostname).toBe('::1');
    }
  });

  it('refuses what it cannot do', async () => {
    await operator.configure(['Host air', 'ProxyCommand nc %h %p']);
    await expect(find(sshHostNamed('air'))).rejects.toMatchObject({
      code: 'SSH_CONFIG_UNSUPPORTED',
      message: 'air: ssh_config sets ProxyCommand nc %h %p, which is not supported',
    });
    await operator.configure(['Port nonsense']);
    await expect(find(sshHostNamed('broken'))).rejects.toMatchObject({ code: 'SSH_CONFIG_INVALID' });
    await operator.configure([]);
    await expect(find(sshHostNamed('air', { address: '-oProxyCommand=true' }))).rejects.toMatchObject({
      code: 'INVENTORY_INVALID',
    });
    const one = sshHostNamed('one', { jump: 'two' });
    const two = sshHostNamed('two', { jump: 'one' });
    await expect(find(one, [one, two])).rejects.toMatchObject({
      code: 'SSH_CONFIG_UNSUPPORTED',
      message: expect.stringContaining('circle'),
    });
  });

  it('says when ssh is not installed', async () => {
    const nowhere = operator.environment({ PATH: path.join(operator.folder, 'empty') });
    const host = sshHostNamed('air');
    await expect(findRoute(host, { inventory: [host], env: nowhere })).rejects.toMatchObject({
      code: 'SSH_MISSING',
    });
  });
});
