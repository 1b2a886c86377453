import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os, { tmpdir } from 'node:os';
import path from 'node:path';
import type { MediaSettings } from '@mlxfleet/protocol';
import pino from 'pino';
import { afterAll, describe, expect, test } from 'vitest';
import type { Resident } from '../../memory/memory-room.ts';
import type { ModelSettings } from '../model-settings.ts';
import type { Applicant } from './model-admission.ts';
import { ModelAdmission } from './model-admission.ts';
import { PrefixDisk } from './prefix-disk.ts';

const root = mkdtempSync(path.join(tmpdir(), 'admission-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const SETTINGS: ModelSettings = {
  pin: false,
  preload: false,
  idleTimeoutMs: null,
  contextLength: null,
  queueDepth: 50,
  maxBatchSize: 32,
  kvBits: null,
  draft: null,
  promptLookup: false,
  draftTokens: 4,
  prefixMemoryBytes: null,
  prefixDiskBytes: 0,
  wiredLimitBytes: null,
};

const MEDIA: MediaSettings = {
  spool_path: '/spool',
  max_side: 56,
  max_pixels: 1000,
  max_pdf_pages: 1,
  pdf_dpi: 72,
  image_cache_bytes: 2000,
  feature_cache_bytes: 3000,
};

/** A model of so many thousand bytes, which count with a twentieth on top. */
function model(id: string, kilobytes = 100, settings: Partial<ModelSettings> = {}): Applicant {
  const folder = path.join(root, id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'config.json'), '{}');
  writeFileSync(path.join(folder, 'model.safetensors'), Buffer.alloc(kilobytes * 1000));
  return {
    location: { id, path: folder, createdAt: 0, task: 'generate', base: null, adapterPath: null },
    settings: { ...SETTINGS, ...settings },
    draft: null,
  };
}

/** Models that are loaded as soon as they are admitted. */
class Host {
  residents: Resident[] = [];
  configured: Applicant[] = [];
  obstacle: string | null = null;
  availableBytes: number | null = 1e9;
  /** A model whose worker does not end. */
  stuck: string | null = null;
  readonly done: string[] = [];
  readonly admission: ModelAdmission;

  constructor(media: MediaSettings = MEDIA) {
    this.admission = new ModelAdmission({
      limitBytes: 1_000_000,
      readMemory: async () => {
        if (this.availableBytes === null) throw new Error('vm_stat is slow');
        return { totalBytes: 1e9, availableBytes: this.availableBytes, systemPressure: null, stall: null };
      },
      loadObstacle: () => this.obstacle,
      prefixDisk: new PrefixDisk(path.join(root, 'prefixes')),
      media,
      log: pino({ level: 'silent' }),
      effects: {
        residents: () => this.residents,
        configured: async () => this.configured,
        shrink: (id) => this.done.push(`shrink ${id}`),
        evict: async (id) => {
          if (id === this.stuck) throw new Error('it does not end');
          this.done.push(`evict ${id}`);
          this.residents = this.residents.filter((resident) => resident.id !== id);
        },
      },
    });
  }

  /** Answers the limit that the worker gets. */
  async load(applicant: Applicant, more: Partial<Resident> = {}): Promise<number> {
    const { bytes, limits } = await this.admission.admit(applicant);
    const others = this.residents.filter(({ id }) => id !== applicant.location.id);
    this.residents = [...others, this.resident(applicant.location.id, bytes, more)];
    return limits.memoryLimitBytes;
  }

  resident(id: string, bytes: number, more: Partial<Resident> = {}): Resident {
    const sizes = { floorBytes: bytes, heldBytes: bytes, cacheBytes: 0, imageBytes: 0, keptBytes: 0 };
    return { id, ...sizes, loading: false, busy: false, pinned: false, lastUsed: 0, ...more };
  }
}

describe('admission', () => {
  test('the only model may use everything, half of what is no weights for prefixes', async () => {
    const { bytes, limits } = await new Host().admission.admit(model('only'));
    expect(bytes).toBe(105_000);
    expect(limits).toEqual({
      memoryLimitBytes: 1_000_000,
      prefixCache: { memory_bytes: 447_500, disk_path: null, disk_bytes: 0 },
      draftPath: null,
      media: null,
    });
  });

  test('configured models share, and those that will be loaded keep their part', async () => {
    const host = new Host();
    const [a, b, c] = [model('a'), model('b'), model('c', 200, { preload: true })];
    host.configured = [a, b, c];
    const limits = [await host.load(a), await host.load(b), await host.load(c)];
    expect(limits[0]).toBe(105_000 + Math.floor((1_000_000 - 105_000 - 210_000) / 3));
    expect(limits.reduce((sum, limit) => sum + limit, 0)).toBeLessThanOrEqual(1_000_000);
    expect(host.done).toEqual([]);
  });

  test('models that come at the same time share as well', async () => {
    const host = new Host();
    host.residents = ['x', 'y'].map((id) => host.resident(id, 0, { loading: true, busy: true }));
    const limits = [await host.load(model('x')), await host.load(model('y'))];
    expect(limits).toEqual([
      105_000 + Math.floor((1_000_000 - 105_000) / 2),
      105_000 + Math.floor((1_000_000 - 2 * 105_000) / 2),
    ]);
  });

  test('a model that nobody configured gets a part of what the one before it may use and does not', async () => {
    const host = new Host();
    expect(await host.load(model('first'))).toBe(1_000_000);
    expect(await host.load(model('second'))).toBe(105_000 + 790_000 / 2);
    expect(await host.load(model('third'))).toBe(105_000 + Math.floor(685_000 / 3));
  });

  test('a model that does not go when it has to, and memory that cannot be read, are reasons too', async () => {
    const host = new Host();
    await host.load(model('old', 400));
    host.stuck = 'old';
    await expect(host.load(model('new', 800))).rejects.toMatchObject({
      code: 'MEMORY_EXHAUSTED',
      message: /'new' cannot be loaded: model 'old' was to make room for it, and does not end/,
    });
    host.stuck = null;
    host.availableBytes = null;
    await expect(host.load(model('new', 800))).rejects.toMatchObject({
      code: 'MEMORY_EXHAUSTED',
      message: /'new' cannot be loaded: how much memory this machine has left cannot be read/,
    });
    host.availableBytes = 1e9;
    await host.load(model('new', 800));
    expect(host.done).toEqual(['evict old']);
  });

  test('makes room, and refuses with the reason', async () => {
    const host = new Host();
    await host.load(model('old', 400), { lastUsed: 1 });
    await host.load(model('new', 400), { lastUsed: 2, cacheBytes: 50_000, floorBytes: 370_000 });
    await host.load(model('large', 500), { lastUsed: 3 });
    expect(host.done).toEqual(['evict old']);
    host.residents = host.residents.map((resident) => Object.assign({}, resident, { pinned: true }));
    await expect(host.admission.admit(model('old', 400))).rejects.toMatchObject({
      code: 'MEMORY_EXHAUSTED',
      retryAfter: 10,
      message: /'old' cannot be loaded.*busy or pinned/,
    });
    expect(host.done).toHaveLength(1);
  });

  test('counts what the system has, less its reserve', async () => {
    const host = new Host();
    host.availableBytes = 80_000_000 + 104_000;
    await expect(host.admission.admit(model('m'))).rejects.toThrow(/the system has 0\.0 GB to give/);
    host.availableBytes = 80_000_000 + 106_000;
    expect(await host.load(model('m'))).toBeGreaterThan(0);
  });

  test('refuses everything while the machine is short, and goes on afterwards', async () => {
    const host = new Host();
    host.obstacle = 'the host is critically short of memory';
    await expect(host.admission.admit(model('m'))).rejects.toThrow(
      /'m' cannot be loaded: the host is critically/,
    );
    host.obstacle = null;
    expect(await host.load(model('m'))).toBeGreaterThan(0);
  });

  test('an embedding model keeps no prefixes', async () => {
    const { location, ...rest } = model('vectors', 100, {
      prefixMemoryBytes: 50_000,
      prefixDiskBytes: 50_000,
    });
    const { limits } = await new Host().admission.admit({
      ...rest,
      location: { ...location, task: 'embed' },
    });
    expect(limits.prefixCache).toEqual({ memory_bytes: 0, disk_path: null, disk_bytes: 0 });
  });

  test('a vision model is told of images; room is made for reading some, and for the features that it keeps', async () => {
    const { location, ...rest } = model('seeing', 100);
    const vision = { embed_dim: 8, hidden_size: 64, patch_size: 28 };
    writeFileSync(path.join(location.path, 'config.json'), JSON.stringify({ vision_config: vision }));
    const { bytes, limits } = await new Host().admission.admit({
      ...rest,
      location: { ...location, task: 'vision' },
    });
    const reading = 4 * (6 * 8 + 2 * 4 * 8) * 4 + 16 * 4 ** 2 * 4 + 56 * 56 * 24;
    const lanes = process.platform === 'darwin' ? 1 : Math.min(os.cpus().length, 4);
    expect(bytes).toBe(105_000 + lanes * reading + 3000);
    expect(limits.media).toEqual(MEDIA);
    expect(limits.prefixCache.memory_bytes).toBe((1_000_000 - bytes) / 2);
  });

  test('a cache of features that keeps a model out is named by its setting', async () => {
    const { location, ...rest } = model('seeing', 100);
    const seeing: Applicant = { ...rest, location: { ...location, task: 'vision' } };
    const large = new Host({ ...MEDIA, feature_cache_bytes: 1e12 });
    await expect(large.admission.admit(seeing)).rejects.toMatchObject({
      message: expect.stringMatching(
        /needs about 1000.0 GB.*of what it needs, 1000.0 GB are images.feature_cache/,
      ),
    });
    await expect(
      new Host().admission.admit({ ...seeing, settings: { ...SETTINGS, prefixMemoryBytes: 1e12 } }),
    ).rejects.toMatchObject({
      message: expect.not.stringContaining('feature_cache'),
    });
  });

  test('the draft model and the adapter count, and the worker is told where they are', async () => {
    const draft = model('small', 50);
    const adapter = path.join(root, 'lora');
    mkdirSync(adapter);
    writeFileSync(path.join(adapter, 'adapters.safetensors'), Buffer.alloc(20_000));
    writeFileSync(path.join(adapter, '0000100_adapters.safetensors'), Buffer.alloc(20_000));
    const { location, settings } = model('large', 100);
    const { bytes, limits } = await new Host().admission.admit({
      location: { ...location, adapterPath: adapter },
      settings,
      draft: draft.location,
    });
    expect(bytes).toBe(170_000 * 1.05);
    expect(limits.draftPath).toBe(draft.location.path);
  });
});
