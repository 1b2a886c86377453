import { chmod, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeUnless } from '../../../../test/support/skipping.ts';
import { findInventory } from './find-inventory.ts';
import { parseInventory } from './parse-inventory.ts';
import { readInventoryFile } from './read-inventory-file.ts';
import { resolveHosts, resolveHostsWithSecrets } from './resolve-hosts.ts';
import { revealed, Secret } from './secret.ts';
import { selectHosts } from './select-hosts.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mlxfleet-config-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

function search(option?: string, env: Record<string, string> = {}): string {
  return findInventory({ option, cwd: folder, env: { HOME: path.join(folder, 'home'), ...env } });
}

async function write(content: string | Uint8Array): Promise<string> {
  const file = path.join(folder, 'inventory.yaml');
  await writeFile(file, content);
  return file;
}

describe('finding the inventory', () => {
  test('what is named comes first, then the variable, the folder and the home', async () => {
    const personal = path.join(folder, 'home', '.config', 'mlxfleet');
    await mkdir(personal, { recursive: true });
    await writeFile(path.join(personal, 'inventory.yaml'), '');
    expect(search()).toBe(path.join(personal, 'inventory.yaml'));
    await writeFile(path.join(folder, 'inventory.yaml'), '');
    expect(search()).toBe(path.join(folder, 'inventory.yaml'));
    expect(search(undefined, { MLXFLEET_INVENTORY: 'other.yaml' })).toBe(path.join(folder, 'other.yaml'));
    expect(search('named.yaml', { MLXFLEET_INVENTORY: 'other.yaml' })).toBe(path.join(folder, 'named.yaml'));
  });

  test('without any, it says so and how to write one', () => {
    expect(() => search()).toThrow(expect.objectContaining({ code: 'INVENTORY_NOT_FOUND' }));
  });
});

describe('reading the file', () => {
  test('a byte order mark is taken off', async () => {
    expect(await readInventoryFile(await write('\uFEFFversion: 1'))).toBe('version: 1');
  });

  test.each<[string, Uint8Array, string]>([
    ['UTF-16', Buffer.from('\uFEFFversion: 1', 'utf16le'), 'UTF-16'],
    ['Latin-1', Buffer.from('# café', 'latin1'), 'not UTF-8'],
    ['a program', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0]), 'not a text file'],
    ['a huge file', Buffer.alloc(1024 * 1024 + 1, 'a'), 'at most'],
  ])('%s is refused', async (_what, content, message) => {
    await expect(readInventoryFile(await write(content))).rejects.toMatchObject({
      code: 'INVENTORY_UNREADABLE',
      message: expect.stringContaining(message),
    });
  });

  test('a folder and a missing file are told apart', async () => {
    await expect(readInventoryFile(folder)).rejects.toMatchObject({ code: 'INVENTORY_UNREADABLE' });
    await expect(readInventoryFile(path.join(folder, 'no'))).rejects.toMatchObject({
      code: 'INVENTORY_NOT_FOUND',
    });
  });

  test('a link to itself is refused', async () => {
    const link = path.join(folder, 'circle.yaml');
    await symlink(link, link);
    await expect(readInventoryFile(link)).rejects.toMatchObject({
      code: 'INVENTORY_UNREADABLE',
      message: expect.stringContaining('round in circles'),
    });
  });

  describeUnless(process.getuid?.() === 0 ? 'root may read every file' : null, 'without permission', () => {
    test('a file that may not be read is refused', async () => {
      const file = await write('version: 1');
      await chmod(file, 0);
      await expect(readInventoryFile(file)).rejects.toMatchObject({ code: 'INVENTORY_UNREADABLE' });
    });
  });
});

describe('resolving hosts', () => {
  const text = `
version: 1
env: { A: top, B: top }
defaults: { user: admin, root: ~/x, api: { port: 1234, anonymous: true }, env: { B: defaults, C: defaults } }
hosts:
  studio: { address: studio.local, labels: [big], api: { bind: 0.0.0.0, keys: [{ env: KEY }, { command: "printf 'two\\n'" }] }, env: { C: host } }
  here: { connection: local }
models:
  - { id: big/model, hosts: [big], ttl: 10m, pin: true }
  - { id: small }
smoke_test: { model: small }
`;
  const inventory = parseInventory('inventory.yaml', text);

  test('defaults are merged key by key', () => {
    const [studio, here] = resolveHosts(inventory);
    expect(studio).toMatchObject({
      address: 'studio.local',
      user: 'admin',
      root: '~/x',
      env: { A: 'top', B: 'defaults', C: 'host' },
      agentConfig: { api: { bind: '0.0.0.0', port: 1234, anonymous: false } },
    });
    expect(here).toMatchObject({ address: null, connection: 'local', smokeTestModel: 'small' });
    expect(here).not.toHaveProperty('user');
    expect(here?.agentConfig.api.anonymous).toBe(true);
  });

  test('models go to the hosts and labels they name', () => {
    const models = resolveHosts(inventory).map((host) => host.agentConfig.models.map((model) => model.id));
    expect(models).toEqual([['big/model', 'small'], ['small']]);
    expect(resolveHosts(inventory)[0]?.agentConfig.models[0]).toMatchObject({ ttl_seconds: 600, pin: true });
  });

  test('what is said of a model and of a limit reaches the agent', () => {
    const tuned = parseInventory(
      'i',
      `
version: 1
defaults: { api: { rate_limit: { per_minute: 120 } } }
hosts: { a: {}, b: { api: { rate_limit: false } }, c: { api: { rate_limit: {} } } }
models:
  - { id: org/base, kv_bits: 8, draft: org/small, draft_tokens: 3, prompt_lookup: true, max_batch_size: 4 }
  - { id: mine, base: org/base, adapter: lora, prefix_cache: { memory: 1GB, disk: off } }
`,
    );
    const [a, b, c] = resolveHosts(tuned).map((host) => host.agentConfig);
    expect(a?.models).toMatchObject([
      { kv_bits: 8, draft: 'org/small', draft_tokens: 3, prompt_lookup: true, max_batch_size: 4, base: null },
      { base: 'org/base', adapter: 'lora', prefix_cache: { memory_bytes: 1e9, disk_bytes: 0 } },
    ]);
    expect([a, b, c].map((config) => config?.api.rate_limit)).toEqual([
      { per_minute: 120, burst: 10 },
      null,
      { per_minute: 60, burst: 10 },
    ]);
  });

  test('limits of images are merged key by key and reach the agent as bytes', () => {
    const tuned = parseInventory(
      'i',
      `
version: 1
defaults: { images: { max_bytes: 8MiB, max_side: 900, image_cache: off } }
hosts: { a: {}, b: { images: { allow_urls: true, max_side: 640, max_pdf_bytes: 5MB, feature_cache: 1GB } } }
`,
    );
    const [a, b] = resolveHosts(tuned).map((host) => host.agentConfig.images);
    const common = { max_images: 5, max_bytes: 8 * 1024 ** 2, max_pdf_pages: 20, image_cache_bytes: 0 };
    expect(a).toMatchObject({ ...common, allow_urls: false, max_side: 900, max_pdf_bytes: 32e6 });
    expect(a).toMatchObject({ feature_cache_bytes: null, max_pixels: 50e6, pdf_dpi: 144 });
    expect(b).toMatchObject({ ...common, allow_urls: true, max_side: 640, max_pdf_bytes: 5e6 });
    expect(b).toMatchObject({ feature_cache_bytes: 1e9 });
  });

  test('keys become hashes', async () => {
    const env = { KEY: 'one', PATH: process.env['PATH'] };
    const [studio] = await resolveHostsWithSecrets(inventory, ['studio'], { env });
    expect(studio?.agentConfig.api.key_hashes).toEqual([
      new Secret('one').sha256(),
      new Secret('two').sha256(),
    ]);
  });

  test('secrets of the environment are asked for at a deploy, and do not show themselves', async () => {
    const withToken = parseInventory(
      'i',
      'version: 1\nhosts: {a: {env: {HF_TOKEN: {env: TOKEN}, HF_HUB_OFFLINE: "0"}}}',
    );
    expect(resolveHosts(withToken)[0]?.env).toEqual({ HF_HUB_OFFLINE: '0' });
    const [host] = await resolveHostsWithSecrets(withToken, ['a'], { env: { TOKEN: 'hf_123' } });
    expect(revealed(host?.env ?? {})).toEqual({ HF_TOKEN: 'hf_123', HF_HUB_OFFLINE: '0' });
    expect(inspect(host, { depth: null }) + JSON.stringify(host)).not.toContain('hf_123');
  });

  test('hosts that are not named are not asked for secrets', async () => {
    expect(await resolveHostsWithSecrets(inventory, ['here'], { env: {} })).toHaveLength(1);
    await expect(resolveHostsWithSecrets(inventory, ['studio'], { env: {} })).rejects.toMatchObject({
      code: 'SECRET_UNAVAILABLE',
      message: 'the environment variable KEY is not set',
    });
  });

  test.each([
    ['exit 3', 'exit code 3'],
    ['true', 'printed nothing'],
    ['echo a; echo b', 'more than one line'],
  ])('the command %j gives no secret', async (command, message) => {
    const failing = parseInventory(
      'i',
      JSON.stringify({ version: 1, hosts: { a: { api: { keys: [{ command }] } } } }),
    );
    await expect(resolveHostsWithSecrets(failing, ['a'], { env: {} })).rejects.toThrow(message);
  });

  test('hosts are selected by name and label', () => {
    const hosts = resolveHosts(inventory);
    expect(selectHosts(hosts, []).map((host) => host.name)).toEqual(['studio', 'here']);
    expect(selectHosts(hosts, ['big', 'studio']).map((host) => host.name)).toEqual(['studio']);
    expect(() => selectHosts(hosts, ['sutdio'])).toThrow(
      expect.objectContaining({ code: 'HOST_UNKNOWN', hint: expect.stringContaining('"studio"') }),
    );
  });
});

test('a secret does not show itself', () => {
  const secret = new Secret('sk-123');
  const shown = [JSON.stringify({ secret }), inspect({ secret }), String(secret)];
  expect(shown.join()).not.toContain('sk-123');
});

describe('inventories in the repository', async () => {
  const repository = path.resolve(import.meta.dirname, '../../../..');
  const examples = (await readdir(path.join(repository, 'examples'))).filter((name) =>
    name.endsWith('.yaml'),
  );
  test.each(['inventory.yaml', ...examples.map((name) => `examples/${name}`)])(
    '%s is valid',
    async (name) => {
      const text = await readFile(path.join(repository, name), 'utf8');
      expect(resolveHosts(parseInventory(name, text)).length).toBeGreaterThan(0);
    },
  );
});
