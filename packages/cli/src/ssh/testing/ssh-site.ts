import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { LoopbackSshd, makeKeyPair, type SshdSettings } from '../../../../../test/support/loopback-sshd.ts';
import { SshOperator } from '../../../../../test/support/ssh-operator.ts';
import type { ResolvedHost } from '../../config/resolved-host.ts';
import type { Host } from '../../hosts/host.ts';
import { createHosts, type HostOptions } from '../create-hosts.ts';
import { sshHostNamed } from './ssh-host-named.ts';

/**
 * A folder with an operator, a real sshd that stands for the host "air", and key pairs: `id`, which ssh offers by
 * itself, and `locked`, whose passphrase is "opensesame", may log in; `stranger` may not.
 */
export class SshSite {
  readonly operator: SshOperator;
  readonly sshd: LoopbackSshd;
  readonly #folder: string;
  readonly #cleanups: (() => unknown)[] = [];

  private constructor(folder: string, operator: SshOperator, sshd: LoopbackSshd) {
    this.#folder = folder;
    this.operator = operator;
    this.sshd = sshd;
  }

  static async create(): Promise<SshSite> {
    const folder = await mkdtemp(path.join(tmpdir(), 'ssh-site-'));
    const at = (name: string): string => path.join(folder, name);
    const operator = await SshOperator.create(folder);
    await makeKeyPair(at('id'));
    await makeKeyPair(at('locked'), { passphrase: 'opensesame' });
    await makeKeyPair(at('stranger'));
    const publicKeys = [await readFile(at('id.pub'), 'utf8'), await readFile(at('locked.pub'), 'utf8')];
    const sshd = await LoopbackSshd.start({ folder: at('sshd'), authorizedKeys: publicKeys });
    // Noise before and after everything, as chatty start-up files of shells make it.
    await writeFile(path.join(sshd.home, '.bashrc'), 'echo welcome; echo beware >&2\n');
    return new SshSite(folder, operator, sshd);
  }

  /** Before each test: a configuration of defaults, and air's key as the only one known. */
  async reset(): Promise<void> {
    await this.operator.configure([]);
    await this.knowHost(await this.sshd.publicKey());
  }

  /** After each test: ends what it opened and started, the latest first. */
  async cleanUp(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).toReversed()) await cleanup();
  }

  /** After all tests. */
  async remove(): Promise<void> {
    await this.sshd.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Path of a file of the site. */
  at(name: string): string {
    return path.join(this.#folder, name);
  }

  /** What the inventory says of air. */
  air(settings: Partial<ResolvedHost> = {}): ResolvedHost {
    return sshHostNamed('air', { address: '127.0.0.1', sshPort: this.sshd.port, ...settings });
  }

  /**
   * The way to air, closed after the test.
   * @param others more hosts of the inventory, since a jump may name one.
   */
  open(
    settings: Partial<ResolvedHost> = {},
    options: Partial<HostOptions> = {},
    others: readonly ResolvedHost[] = [],
  ): Host {
    const air = this.air(settings);
    const [host] = createHosts(
      { selected: [air], all: [air, ...others] },
      { acceptNew: false, env: this.operator.environment(), ...options },
    );
    if (host === undefined) throw new Error('no host');
    this.afterwards(() => host.close());
    return host;
  }

  /** Another sshd with a folder of that name, which lets `id` log in and stops after the test. */
  async startSshd(
    name: string,
    settings: Pick<SshdSettings, 'config' | 'hostKeyTypes' | 'account'> = {},
  ): Promise<LoopbackSshd> {
    const started = await LoopbackSshd.start({
      folder: this.at(name),
      authorizedKeys: [await readFile(this.at('id.pub'), 'utf8')],
      ...settings,
    });
    this.afterwards(() => started.stop());
    return started;
  }

  /** Makes known_hosts say nothing but that air has this key: its type and its base64. */
  async knowHost(key: string): Promise<void> {
    await writeFile(this.operator.knownHosts, `[127.0.0.1]:${String(this.sshd.port)} ${key}\n`);
  }

  /** Adds to what is done when the test has ended. */
  afterwards(...cleanups: (() => unknown)[]): void {
    this.#cleanups.push(...cleanups);
  }
}

/** A site for the tests of one block, as it was before each of them. `take` gets it before the first. */
export function sshSiteForTests(take: (site: SshSite) => void): void {
  let site: SshSite;
  beforeAll(async () => {
    site = await SshSite.create();
    take(site);
  });
  afterAll(() => site.remove());
  beforeEach(() => site.reset());
  afterEach(() => site.cleanUp());
}
