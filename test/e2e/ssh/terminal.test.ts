import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { statusDocumentSchema } from '@mlxfleet/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { cliBundle } from '../../../scripts/lib/paths.ts';
import { findProgram } from '../../../scripts/lib/system-packages.ts';
import { LoopbackSshd, makeKeyPair, sshdObstacle } from '../../support/loopback-sshd.ts';
import { describeUnless } from '../../support/skipping.ts';
import { SshOperator } from '../../support/ssh-operator.ts';

const obstacle =
  sshdObstacle() ?? ((await findProgram('script')) === null ? 'needs script, for a terminal' : null);

const PASSPHRASE = 'correct horse';

describeUnless(obstacle, 'the command line with an encrypted key', () => {
  let operator: SshOperator;
  let servers: LoopbackSshd[];
  const at = (name: string): string => path.join(operator.folder, name);

  beforeAll(async () => {
    operator = await SshOperator.create(await mkdtemp(path.join(tmpdir(), 'terminal-')));
    await makeKeyPair(at('id'), { passphrase: PASSPHRASE });
    const authorizedKeys = [await readFile(at('id.pub'), 'utf8')];
    const names = ['studio', 'air', 'mini'];
    servers = await Promise.all(
      names.map((name) => LoopbackSshd.start({ folder: at(name), authorizedKeys })),
    );
    const hosts = names.map((name, index) => [name, { address: '127.0.0.1', port: servers[index]?.port }]);
    const inventory = { version: 1, hosts: Object.fromEntries(hosts), models: [{ id: 'none' }] };
    await writeFile(at('inventory.yaml'), stringify(inventory));
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await rm(operator.folder, { recursive: true });
  });

  const words = (...more: string[]): string[] => [cliBundle, '-i', at('inventory.yaml'), ...more];

  test('asks on the terminal: about each host key in turn, and once for the passphrase of them all', async () => {
    const line = [process.execPath, ...words('exec', 'studio', 'air', 'mini', '--', 'echo', 'here')];
    const quoted = line.map((word) => `'${word}'`).join(' ');
    const terminal = spawn('script', ['--quiet', '--return', '--command', quoted, '/dev/null'], {
      env: operator.environment(),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let shown = '';
    // As a person would: an answer to each question, once it is there.
    terminal.stdout.setEncoding('utf8').on('data', (part: string) => {
      shown += part;
      if (shown.endsWith('[yes/no] ')) terminal.stdin.write('yes\n');
      if (/Passphrase of \S+: $/.test(shown)) terminal.stdin.write(`${PASSPHRASE}\n`);
    });
    const exitCode = await once(terminal, 'close');
    expect(exitCode).toEqual([0, null]);
    expect(shown.match(/Passphrase of/g)).toHaveLength(1);
    expect(shown.match(/is not known yet/g)).toHaveLength(3);
    expect(shown.match(/ here\r?$/gm)).toHaveLength(3);
    expect(shown).not.toContain(PASSPHRASE);
    const recorded = await readFile(operator.knownHosts, 'utf8');
    for (const server of servers) expect(recorded).toContain(await server.publicKey());
  });

  test('says of every host that a passphrase is needed, where there is no terminal', async () => {
    const child = spawn(process.execPath, words('--json', 'status'), {
      env: operator.environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      // In a session of its own, which has no terminal.
      detached: true,
    });
    const ended = once(child, 'close');
    const status = statusDocumentSchema.parse(JSON.parse(await text(child.stdout)));
    expect(await ended).toEqual([4, null]);
    expect(status.hosts.map(({ name, error }) => [name, error?.code, error?.message])).toEqual(
      ['studio', 'air', 'mini'].map((name) => [
        name,
        'PASSPHRASE_NEEDED',
        `the host takes the key ${at('id')}, which is encrypted`,
      ]),
    );
  });
});
