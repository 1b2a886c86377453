import pino from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { MemoryGuard } from './memory-guard.ts';
import type { MemoryReading, Pressure } from './memory-pressure.ts';
import type { Resident } from './memory-room.ts';
import { MemoryVerdict } from './memory-verdict.ts';
import type { GuardAction } from './pressure-policy.ts';

const GB = 1e9;
const MODEL: Resident = {
  id: 'm',
  floorBytes: GB,
  heldBytes: 3 * GB,
  cacheBytes: 2 * GB,
  imageBytes: 0,
  keptBytes: 2 * GB,
  loading: false,
  busy: false,
  pinned: false,
  lastUsed: 0,
};

class Scene {
  pressure: Pressure | 'unreadable' = 'normal';
  now = 0;
  residents: Resident[] = [MODEL];
  readonly actions: GuardAction[] = [];
  readonly logged: string[] = [];
  reads = 0;
  readonly verdict = new MemoryVerdict();
  readonly guard = new MemoryGuard({
    verdict: this.verdict,
    read: async () => this.#read(),
    residents: () => this.residents,
    limitBytes: 10 * GB,
    now: () => this.now,
    log: pino({ level: 'info' }, { write: (line: string) => this.logged.push(line) }),
    act: (action) => this.actions.push(action),
  });

  #read(): MemoryReading {
    this.reads += 1;
    if (this.pressure === 'unreadable') throw new Error('no such file');
    return { totalBytes: 16 * GB, availableBytes: 2 * GB, systemPressure: this.pressure, stall: null };
  }

  async look(pressure: Pressure | 'unreadable', later: number): Promise<void> {
    this.pressure = pressure;
    this.now += later;
    await this.guard.look();
  }
}

afterEach(() => {
  vi.useRealTimers();
});

test('acts, refuses when nothing is left to do, and takes in again when it has eased', async () => {
  const scene = new Scene();
  await scene.look('critical', 0);
  expect(scene.actions).toEqual([{ kind: 'shrink', id: 'm', keepBytes: 0 }]);
  scene.residents = [{ ...MODEL, cacheBytes: 0, keptBytes: 0, busy: true }];
  expect(() => scene.verdict.refuseWhenShort()).not.toThrow();
  await scene.look('critical', 2000);
  expect([scene.verdict.pressure, scene.verdict.refusal]).toEqual([
    'critical',
    expect.stringContaining('2.0 GB'),
  ]);
  expect(() => scene.verdict.refuseWhenShort()).toThrow(
    expect.objectContaining({ code: 'MEMORY_EXHAUSTED', status: 503, retryAfter: 10 }),
  );
  await scene.look('normal', 1000);
  expect(scene.verdict.refusal).not.toBeNull();
  await scene.look('normal', 10_000);
  expect(() => scene.verdict.refuseWhenShort()).not.toThrow();
  const said = scene.logged.map((line) => String(Object(JSON.parse(line))['msg']));
  expect(said).toEqual([
    'memory pressure',
    'memory is short',
    'refusing new requests',
    'memory pressure',
    'taking requests again',
  ]);
});

test('a machine that cannot be read keeps the last verdict, and is told of once', async () => {
  const scene = new Scene();
  scene.residents = [];
  await scene.look('critical', 0);
  for (let count = 0; count < 3; count += 1) await scene.look('unreadable', 60_000);
  expect(scene.verdict.refusal).not.toBeNull();
  expect(scene.logged.filter((line) => line.includes('cannot be read'))).toHaveLength(1);
});

test('looks more often while something is at stake, and no more once stopped', async () => {
  vi.useFakeTimers();
  const scene = new Scene();
  scene.guard.start();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(scene.reads).toBe(5);
  scene.residents = [];
  await vi.advanceTimersByTimeAsync(20_000);
  expect(scene.reads).toBe(7);
  scene.residents = [MODEL];
  await vi.advanceTimersByTimeAsync(2000);
  expect(scene.reads).toBe(8);
  scene.guard.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(scene.reads).toBe(8);
});
