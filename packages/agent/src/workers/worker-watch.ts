import type { WorkerReply } from '@mlxfleet/protocol';
import { complaint, NO_PROGRESS, observe, type Progress, type WatchTimes } from './progress.ts';

export interface WorkerWatchOptions {
  readonly times: WatchTimes;
  /** Whether the worker has work that ends in steps: generating or embedding. */
  readonly isBusy: () => boolean;
  readonly ping: (nonce: number) => void;
  /** Called once, with the reason, when the worker has to be replaced. */
  readonly onStuck: (reason: string) => void;
}

/** Frames that only finished work brings. Others come before it, or from threads that go on when the engine hangs. */
const WORK: ReadonlySet<WorkerReply['type']> = new Set(['step', 'embedded']);

/** Pings one worker and keeps account of its progress. The only writer of it. */
export class WorkerWatch {
  readonly #options: WorkerWatchOptions;
  #progress: Progress = NO_PROGRESS;
  #timer: NodeJS.Timeout | null = null;
  #tickedAt = 0;
  #pingedAt = -Infinity;
  #wasBusy = false;
  #nonce = 0;

  constructor(options: WorkerWatchOptions) {
    this.#options = options;
  }

  /** Whether it has answered lately. */
  get isHealthy(): boolean {
    return this.#progress.silentMs < this.#options.times.unhealthy;
  }

  /** Milliseconds that it has had work and finished none; 0 while idle. */
  get stalledMs(): number {
    return this.#progress.stalledMs;
  }

  /** From now on the worker has to answer. */
  start(): void {
    this.stop();
    this.#progress = NO_PROGRESS;
    this.#tickedAt = performance.now();
    this.#pingedAt = -Infinity;
    this.#wasBusy = false;
    this.#timer = setInterval(() => {
      this.#tick(performance.now());
    }, this.#options.times.ping);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  heard(frame: WorkerReply): void {
    if (frame.type === 'pong') {
      const { steps, preparing_seconds: preparing } = frame;
      this.#progress = observe(this.#progress, { type: 'pong', steps, preparingMs: preparing * 1000 });
    } else this.#progress = observe(this.#progress, { type: WORK.has(frame.type) ? 'worked' : 'heard' });
  }

  #tick(now: number): void {
    const { times, isBusy, ping, onStuck } = this.#options;
    const isBusyNow = isBusy();
    // A host that slept, or an agent that was held up itself, is no fault of the worker.
    const ms = Math.min(now - this.#tickedAt, 2 * times.ping);
    this.#tickedAt = now;
    this.#progress = observe(this.#progress, { type: 'elapsed', ms, busy: isBusyNow && this.#wasBusy });
    this.#wasBusy = isBusyNow;
    const reason = complaint(this.#progress, times);
    if (reason !== null) {
      this.stop();
      onStuck(reason);
      return;
    }
    const isDue = now - this.#pingedAt >= times.idlePing;
    if (!isDue && !isBusyNow && this.#progress.silentMs < times.idlePing) return;
    this.#pingedAt = now;
    this.#nonce += 1;
    ping(this.#nonce);
  }
}
