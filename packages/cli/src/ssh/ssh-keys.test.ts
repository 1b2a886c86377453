import { execFile, spawn } from 'node:child_process';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { freePorts } from '../../../../test/support/free-ports.ts';
import { sshdObstacle } from '../../../../test/support/loopback-sshd.ts';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { createHosts } from './create-hosts.ts';
import { sshHostNamed } from './testing/ssh-host-named.ts';
import { type SshSite, sshSiteForTests } from './testing/ssh-site.ts';

const execute = promisify(execFile);

describeUnless(sshdObstacle(), 'keys of an SshHost against a real sshd', () => {
  let site: SshSite;
  sshSiteForTests((made) => {
    site = made;
  });

  it('names the keys that a host does not accept', async () => {
    await site.operator.configure([`IdentityFile ${site.at('absent')}`]);
    const identity = site.at('stranger');
    const host = site.open({ identity }, { env: site.operator.environment() });
    await expect(host.run('true\n')).resolves.toMatchObject({ exitCode: 0 });

    const { stdout } = await execute('ssh-keygen', ['-l', '-f', `${identity}.pub`]);
    const [, print = ''] = stdout.split(' ');
    await rename(site.at('id'), async () => {
      const refused = site.open({ identity }).run('true\n');
      await expect(refused).rejects.toMatchObject({ code: 'AUTH_FAILED' });
      await expect(refused).rejects.toThrow(`${identity} (ED25519 ${print})`);
    });
  });

  it('names an identity of the inventory that is missing or no key', async () => {
    const missing = site.open({ identity: site.at('absent') }).run('true\n');
    await expect(missing).rejects.toMatchObject({
      code: 'KEY_UNUSABLE',
      message: `air: the identity ${site.at('absent')} does not exist`,
    });
    const damaged = site.open({ identity: site.operator.knownHosts }).run('true\n');
    await expect(damaged).rejects.toMatchObject({ code: 'KEY_UNUSABLE' });
  });

  it('asks for a passphrase once for all hosts, and only when the host takes the key', async () => {
    const asked: number[] = [];
    const [first, second] = createHosts(
      {
        selected: [
          site.air({ identity: site.at('locked') }),
          site.air({ name: 'mini', identity: site.at('locked') }),
        ],
        all: [],
      },
      {
        acceptNew: false,
        env: site.operator.environment(),
        askPassphrase: async ({ keyFile, attempt }) => {
          expect(keyFile).toBe(site.at('locked'));
          asked.push(attempt);
          return attempt === 1 ? 'wrong' : 'opensesame';
        },
      },
    );
    site.afterwards(
      () => first?.close(),
      () => second?.close(),
    );
    const results = await Promise.all([first?.run('true\n'), second?.run('true\n')]);
    expect(results.map((result) => result?.exitCode)).toEqual([0, 0]);
    expect(asked).toEqual([1, 2]);
  });

  it('says when a passphrase is needed and nobody can be asked', async () => {
    await rename(site.at('id'), async () => {
      await expect(site.open({ identity: site.at('locked') }).run('true\n')).rejects.toMatchObject({
        code: 'PASSPHRASE_NEEDED',
        message: `air: the host takes the key ${site.at('locked')}, which is encrypted`,
      });
    });
  });

  it('uses the keys of an agent, and only those named with IdentitiesOnly', async () => {
    const socket = site.at('ssh-agent.sock');
    const agent = spawn('/usr/bin/ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    site.afterwards(() => agent.kill());
    await expect
      .poll(async () =>
        stat(socket).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    const env = site.operator.environment({ SSH_AUTH_SOCK: socket });
    await addToAgent(site.at('id'), env);
    await addToAgent(site.at('stranger'), env);
    await rename(site.at('id'), async () => {
      await expect(site.open({}, { env }).run('true\n')).resolves.toMatchObject({ exitCode: 0 });
      await site.operator.configure(['IdentityAgent none']);
      await expect(site.open({}, { env }).run('true\n')).rejects.toMatchObject({
        code: 'KEY_UNUSABLE',
        message: expect.stringContaining(`${site.at('id')} is only a public key`),
      });
      await site.operator.configure(['IdentitiesOnly yes', `IdentityFile ${site.at('stranger')}`]);
      await rename(site.at('id.pub'), async () => {
        await expect(site.open({}, { env }).run('true\n')).rejects.toMatchObject({ code: 'AUTH_FAILED' });
      });
      // The public half beside the missing key chooses among the agent's keys.
      await expect(site.open({}, { env }).run('true\n')).resolves.toMatchObject({ exitCode: 0 });
    });
  });

  it('refuses an unknown host key, asks where it can, and records the answer', async () => {
    await rm(site.operator.knownHosts);
    await expect(site.open().run('true\n')).rejects.toMatchObject({ code: 'HOST_KEY_UNKNOWN' });
    await expect(site.open({}, { askHostKey: async () => false }).run('true\n')).rejects.toThrow(
      'not accepted',
    );
    const { stdout } = await execute('ssh-keygen', ['-l', '-f', site.at('sshd/host_ed25519.pub')]);
    const answer = site
      .open(
        {},
        {
          deadlineMs: 500,
          askHostKey: async (question) => {
            expect(question).toEqual({
              host: 'air',
              knownAs: `[127.0.0.1]:${String(site.sshd.port)}`,
              keyType: 'ED25519',
              fingerprint: stdout.split(' ')[1],
            });
            // Longer than the deadline, which stands still meanwhile.
            await sleep(700);
            return true;
          },
        },
      )
      .run('true\n');
    await expect(answer).resolves.toMatchObject({ exitCode: 0 });
    await expect(site.open().run('true\n')).resolves.toMatchObject({ exitCode: 0 });
  });

  it('records an unknown key without asking, where ssh finds it', async () => {
    await rm(site.operator.knownHosts);
    await site.operator.configure(['HashKnownHosts yes']);
    await site.open({}, { acceptNew: true }).run('true\n');
    await site.operator.configure(['StrictHostKeyChecking yes']);
    await expect(site.open().run('true\n')).resolves.toMatchObject({ exitCode: 0 });
    const strict = ['-p', String(site.sshd.port), '127.0.0.1', 'exit 0'];
    await execute('ssh', strict, { env: site.operator.environment() });
  });

  it('refuses a changed host key, whatever may be accepted, and names the line', async () => {
    const [type, key] = (await readFile(site.at('stranger.pub'), 'utf8')).split(' ');
    await site.knowHost(`${type ?? ''} ${key ?? ''}`);
    const refused = site.open({}, { acceptNew: true, askHostKey: async () => true }).run('true\n');
    await expect(refused).rejects.toMatchObject({
      code: 'HOST_KEY_CHANGED',
      message: expect.stringContaining(`${site.operator.knownHosts}:1 says another`),
      hint: expect.stringContaining(
        `ssh-keygen -R '[127.0.0.1]:${String(site.sshd.port)}' -f '${site.operator.knownHosts}'`,
      ),
    });
    const before = await readFile(site.operator.knownHosts, 'utf8');
    expect(before).not.toContain(await site.sshd.publicKey());
  });

  it('knows a host by its alias', async () => {
    await site.operator.configure(['HostKeyAlias the-air']);
    await writeFile(site.operator.knownHosts, `the-air ${await site.sshd.publicKey()}\n`);
    await expect(site.open().run('true\n')).resolves.toMatchObject({ exitCode: 0 });
  });

  it('asks a host with several keys for the one that is known', async () => {
    const several = await site.startSshd('several', { hostKeyTypes: ['ed25519', 'ecdsa', 'rsa'] });
    for (const type of ['rsa', 'ecdsa']) {
      const line = `[127.0.0.1]:${String(several.port)} ${await several.publicKey(type)}\n`;
      await writeFile(site.operator.knownHosts, line);
      await expect(site.open({ sshPort: several.port }).run('true\n')).resolves.toMatchObject({
        exitCode: 0,
      });
    }
  });

  it('goes through a jump host, whose key it verifies too', async () => {
    const gate = await site.startSshd('gate');
    const studio = sshHostNamed('studio', { address: '127.0.0.1', sshPort: gate.port });
    const behind = { jump: 'studio' };
    await expect(site.open(behind, {}, [studio]).run('true\n')).rejects.toMatchObject({
      code: 'HOST_KEY_UNKNOWN',
      message: expect.stringContaining('air (jump studio): '),
    });
    const host = site.open(behind, { acceptNew: true }, [studio]);
    const result = await host.run('echo "$SSH_CONNECTION"\n');
    expect(result.stdout).toContain(` ${String(site.sshd.port)}\n`);
    expect(gate.logins).toBe(1);
    await host.close();
    await expect.poll(() => gate.log).toMatch(/Disconnected from user|Connection closed/);

    const [dead = 0] = await freePorts(1);
    const unreachable = site.open({ ...behind, sshPort: dead }, { acceptNew: true }, [studio]).run('true\n');
    await expect(unreachable).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
      message: expect.stringContaining('not reached from the jump host'),
    });
  });
});

async function addToAgent(file: string, env: NodeJS.ProcessEnv): Promise<void> {
  await execute('ssh-add', ['-q', file], { env });
}

/** Runs something while a file has another name. */
async function rename(file: string, during: () => Promise<void>): Promise<void> {
  await execute('mv', [file, `${file}.away`]);
  try {
    await during();
  } finally {
    await execute('mv', [`${file}.away`, file]);
  }
}
