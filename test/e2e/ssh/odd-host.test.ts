import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureTinyText } from '../../../scripts/lib/models.ts';
import { findProgram } from '../../../scripts/lib/system-packages.ts';
import { describeUnless } from '../../support/skipping.ts';
import { FleetCli } from '../deploy/fleet-cli.ts';
import { canHostFleet } from '../fleet/obstacle.ts';

const fish = await findProgram('fish');
const obstacle = (await canHostFleet()) ?? (fish === null ? 'fish is not installed' : null);

/** What start-up files print in the worst case: bytes that are no text, without an end of line. */
const NOISE = String.raw`echo "Welcome"; echo careful >&2; printf '\000\377half a line'`;

/** Everything that a shell could trip over. */
const HARD_ROOT = `My "fleet" $HOME isn't; *here*`;
/** MLX on a Linux machine hands its own path to a compiler between double quotes, so these are not in it. */
const ROOT = `My 'fleet' & co; #1 (*here*)`;

describeUnless(obstacle, 'a host with fish, a banner, a noisy profile and an odd home and root', () => {
  let cli: FleetCli;

  beforeAll(async () => {
    cli = await FleetCli.create([
      {
        name: 'odd',
        homeName: `it's home`,
        loginShell: fish ?? '',
        sshdConfig: ['Banner /etc/os-release'],
      },
      { name: 'far', homeName: 'zoë' },
    ]);
    const odd = cli.fleet.host('odd');
    const startUpFile = path.join(odd.home, '.config/fish/config.fish');
    await mkdir(path.dirname(startUpFile), { recursive: true });
    await writeFile(startUpFile, `${NOISE}\n`);
    const model = await ensureTinyText();
    const models = path.join(odd.home, ROOT, 'shared/models');
    await cp(model, path.join(models, path.basename(model)), { recursive: true });
  });
  afterAll(() => cli.fleet.destroy());

  const writeInventory = async (root: string, changes: Readonly<Record<string, unknown>>): Promise<void> => {
    const { address, user, identity } = cli.fleet.inventoryHosts()['odd'] ?? {};
    await cli.writeInventory({ hosts: { odd: { address, user, identity, root: `~/${root}` } }, ...changes });
  };

  test('is deployed, and left alone by a second deploy, with quotes and dollars in its root', async () => {
    await writeInventory(HARD_ROOT, { models: [], smoke_test: undefined });
    expect(await cli.deploy()).toMatchObject({ exitCode: 0, hosts: [{ outcome: 'changed' }] });
    expect(await cli.deploy()).toMatchObject({ exitCode: 0, hosts: [{ outcome: 'unchanged' }] });
    expect((await cli.run(['stop', 'odd'])).exitCode).toBe(0);
    expect(await agents()).toEqual([]);
  });

  test('answers with a model, runs commands, and stops without a process left', async () => {
    await writeInventory(ROOT, {});
    expect(await cli.deploy()).toMatchObject({ exitCode: 0, hosts: [{ outcome: 'changed' }] });
    expect(await cli.complete('odd')).toBeGreaterThan(0);
    expect(await cli.status()).toMatchObject({ exitCode: 0, hosts: [{ state: 'healthy' }] });
    expect((await cli.run(['logs', 'odd', '-n', '3'])).exitCode).toBe(0);
    const command = await cli.run(['exec', 'odd', '--', 'echo', `it's "here" $HOME`]);
    expect(command).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`it's "here" $HOME`) });
    expect(command.stdout).not.toContain('Welcome');
    expect((await cli.run(['stop', 'odd'])).exitCode).toBe(0);
    expect(await agents()).toEqual([]);
  });

  test('is refused before anything is done when its home is not in ASCII', async () => {
    await cli.writeInventory({ hosts: { far: cli.fleet.inventoryHosts()['far'] } });
    const { home } = cli.fleet.host('far');
    expect(await cli.deploy()).toMatchObject({
      exitCode: 1,
      hosts: [
        {
          outcome: 'failed',
          error: { code: 'ROOT_NOT_ASCII', message: `the root is ${home}/.mlxfleet on the host` },
        },
      ],
    });
    expect((await cli.fleet.host('far').exec('ls -A')).stdout).toBe('.ssh\n');
  });

  const agents = async (): Promise<string[]> => {
    const processes = await cli.fleet.host('odd').processes();
    return processes.map(({ command }) => command).filter((line) => /agent\.mjs|mlxfleet_worker/.test(line));
  };
});
