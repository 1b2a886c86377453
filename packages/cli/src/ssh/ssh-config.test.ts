import { describe, expect, it } from 'vitest';
import { parseSshConfig, splitJumps } from './ssh-config.ts';

describe('parseSshConfig', () => {
  it('reads what ssh -G prints', () => {
    const config = parseSshConfig(
      [
        'host air',
        'user bob',
        'hostname air.local',
        'port 2200',
        'addressfamily inet6',
        'hashknownhosts yes',
        'stricthostkeychecking accept-new',
        'identitiesonly yes',
        'identityagent SSH_AUTH_SOCK',
        'identityfile ~/.ssh/my key',
        'identityfile ~/.ssh/id_ed25519',
        'certificatefile ~/.ssh/id-cert.pub',
        'userknownhostsfile /home/bob/known hosts /tmp/other',
        'globalknownhostsfile /etc/ssh/ssh_known_hosts',
        'hostkeyalias air',
        'connecttimeout 3',
        'proxyjump admin@gate:2222,[fe80::1]:22',
        '',
      ].join('\n'),
    );
    expect(config).toEqual({
      hostname: 'air.local',
      user: 'bob',
      port: 2200,
      family: 6,
      identityFiles: ['~/.ssh/my key', '~/.ssh/id_ed25519'],
      certificateFiles: ['~/.ssh/id-cert.pub'],
      identityAgent: 'SSH_AUTH_SOCK',
      identitiesOnly: true,
      userKnownHosts: ['/home/bob/known hosts', '/tmp/other'],
      globalKnownHosts: ['/etc/ssh/ssh_known_hosts'],
      hostKeyAlias: 'air',
      hashKnownHosts: true,
      strictHostKeyChecking: 'accept-new',
      connectTimeoutSeconds: 3,
      jumps: ['admin@gate:2222', '[fe80::1]:22'],
      proxyCommand: null,
    });
  });

  it('takes "none" and absent values for nothing', () => {
    const config = parseSshConfig(
      ['hostname air', 'connecttimeout none', 'proxyjump none', 'userknownhostsfile none', ''].join('\n'),
    );
    expect(config).toMatchObject({
      port: 22,
      family: 0,
      connectTimeoutSeconds: null,
      jumps: [],
      proxyCommand: null,
      userKnownHosts: [],
      identityAgent: null,
      identitiesOnly: false,
      hostKeyAlias: null,
    });
  });

  it.each([
    ['true', 'yes'],
    ['yes', 'yes'],
    ['false', 'no'],
    ['off', 'no'],
    ['ask', 'ask'],
    ['accept-new', 'accept-new'],
  ])('reads StrictHostKeyChecking %s as %s', (printed, meaning) => {
    expect(parseSshConfig(`stricthostkeychecking ${printed}`).strictHostKeyChecking).toBe(meaning);
  });

  it('keeps a ProxyCommand with its spaces', () => {
    expect(parseSshConfig('proxycommand nc %h %p').proxyCommand).toBe('nc %h %p');
  });
});

describe('splitJumps', () => {
  it('keeps the order', () => {
    expect(splitJumps('a, b:22 ,c')).toEqual(['a', 'b:22', 'c']);
    expect(splitJumps(null)).toEqual([]);
  });
});
