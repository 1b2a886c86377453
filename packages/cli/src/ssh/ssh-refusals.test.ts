import { rm } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { makeKeyPair, sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { type SshSite, sshSiteForTests } from './testing/ssh-site.ts';

describeUnless(sshdObstacle(), 'a real sshd that refuses a login', () => {
  let site: SshSite;
  sshSiteForTests((made) => {
    site = made;
  });

  /** What a login on an sshd with these settings is refused with. */
  const refusalBy = async (name: string, config: readonly string[]): Promise<unknown> => {
    const { port } = await site.startSshd(name, { config });
    const host = site.open({ sshPort: port }, { acceptNew: true });
    return host.run('true\n').then(
      () => null,
      (error: unknown) => error,
    );
  };
  const tried = (name = 'id'): string => `${site.at(name)} (ED25519 SHA256:`;

  it('since it wants answers from a keyboard: says so, what was tried and what to do', async () => {
    const refusal = await refusalBy('keyboard', [
      'UsePAM yes',
      'PubkeyAuthentication no',
      'KbdInteractiveAuthentication yes',
    ]);
    expect(refusal).toMatchObject({
      code: 'AUTH_FAILED',
      message: expect.stringMatching(
        /^air: root at 127\.0\.0\.1:\d+: the host lets nobody in with a key, only with keyboard-interactive; tried /,
      ),
      hint: expect.stringContaining('PubkeyAuthentication yes'),
    });
    expect(refusal).toMatchObject({ message: expect.stringContaining(tried()) });
  });

  it('since it wants a password', async () => {
    const config = ['PubkeyAuthentication no', 'PasswordAuthentication yes'];
    expect(await refusalBy('password', config)).toMatchObject({
      code: 'AUTH_FAILED',
      message: expect.stringContaining('only with password'),
      hint: expect.stringContaining('authorized_keys'),
    });
  });

  it('since it wants more than the key that it takes', async () => {
    const config = [
      'UsePAM yes',
      'AuthenticationMethods publickey,keyboard-interactive',
      'KbdInteractiveAuthentication yes',
    ];
    const refusal = await refusalBy('both', config);
    expect(refusal).toMatchObject({
      code: 'AUTH_FAILED',
      message: expect.stringMatching(/the host takes one of .* and then wants keyboard-interactive$/),
      hint: expect.stringContaining('AuthenticationMethods publickey'),
    });
    expect(refusal).toMatchObject({ message: expect.stringContaining(tried()) });
  });

  it('of this user, whatever the key', async () => {
    const refusal = await refusalBy('denied', ['DenyUsers root']);
    expect(refusal).toMatchObject({
      code: 'AUTH_FAILED',
      message: expect.stringMatching(/: the host accepts none of /),
      hint: expect.stringContaining('Check the user and the key'),
    });
  });

  it('since it gives up after some of the keys', async () => {
    const names = ['one', 'two', 'three'].map((name) => site.at(name));
    for (const name of names) await makeKeyPair(name);
    site.afterwards(() => Promise.all(names.flatMap((name) => [rm(name), rm(`${name}.pub`)])));
    await site.operator.configure(names.map((name) => `IdentityFile ${name}`));
    expect(await refusalBy('impatient', ['MaxAuthTries 2'])).toMatchObject({
      code: 'AUTH_FAILED',
      message: expect.stringContaining('the host gave up after some of'),
      hint: expect.stringContaining('IdentitiesOnly'),
    });
  });

  it('after it has seen every key, although the question what it wants is one try too many', async () => {
    await site.operator.configure([`IdentityFile ${site.at('stranger')}`]);
    const refusal = await refusalBy('counting', ['MaxAuthTries 3', 'AuthorizedKeysFile none']);
    expect(refusal).toMatchObject({
      code: 'AUTH_FAILED',
      message: expect.stringMatching(/: the host accepts none of .*stranger .*id \(/),
    });
  });
});
