import {
  type LoadFrame,
  type PongFrame,
  PROTOCOL_VERSION,
  type WorkerReply,
  type WorkerRequest,
  type WorkerState,
} from '@mlxfleet/protocol';
import type { Logger } from 'pino';
import type { LogFile } from '../logs/log-file.ts';
import type { MemoryReturn } from './memory-return.ts';
import type { FrameOf, WorkerListener } from './worker-listener.ts';
import { type WorkerCommand, WorkerProcess } from './worker-process.ts';
import { WORKER_TIMES, type WorkerTimes } from './worker-times.ts';
import {
  INITIAL_STATUS,
  transition,
  type WorkerEffect,
  type WorkerEvent,
  type WorkerStatus,
  type WorkerTimer,
} from './worker-transition.ts';
import { WorkerWatch } from './worker-watch.ts';

export interface WorkerOptions {
  readonly command: WorkerCommand;
  /** Asked for before each load. */
  readonly loadFrame: () => LoadFrame;
  /** Bytes of what is to be loaded, asked for before each load. */
  readonly modelBytes: () => number;
  readonly memoryReturn: MemoryReturn;
  readonly logFile: LogFile;
  readonly log: Logger;
  readonly listener: WorkerListener;
  readonly times?: WorkerTimes;
}

/** A worker that died, froze or could not load. */
export interface WorkerCrash {
  readonly at: Date;
  readonly reason: string;
  /** The last lines of its log, oldest first. */
  readonly log: readonly string[];
}

/** Lines of its log that are told with its end, and that are kept of it. */
const LAST_WORDS = 3;
const CRASH_LINES = 20;

/** Supervises one worker process at a time: carries out what `transition` decides. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #times: WorkerTimes;
  readonly #watch: WorkerWatch;
  #status: WorkerStatus = INITIAL_STATUS;
  #process: WorkerProcess | null = null;
  #timer: NodeJS.Timeout | null = null;
  #timerEndsAt = 0;
  #loaded: FrameOf<'loaded'> | null = null;
  #pong: PongFrame | null = null;
  #lastCrash: WorkerCrash | null = null;
  /** What is being handled, and what waits behind it. */
  readonly #events: WorkerEvent[] = [];

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#times = options.times ?? WORKER_TIMES;
    this.#watch = new WorkerWatch({
      times: this.#times,
      isBusy: () => options.listener.isBusy(),
      ping: (nonce) => {
        this.send({ type: 'ping', nonce });
      },
      onStuck: (reason) => {
        this.#handle({ type: 'misbehaved', reason });
      },
    });
  }

  get state(): WorkerState {
    return this.#status.state;
  }

  get restarts(): number {
    return this.#status.restarts;
  }

  get lastExit(): string | null {
    return this.#status.lastExit;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#status.failures;
  }

  get lastCrash(): WorkerCrash | null {
    return this.#lastCrash;
  }

  /** Seconds that it has had work and finished none, 0 while idle; null when it is not watched. */
  get stalledSeconds(): number | null {
    return this.state === 'loading' || this.state === 'ready' ? this.#watch.stalledMs / 1000 : null;
  }

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Its last answer to a ping; null before the first. */
  get counters(): PongFrame | null {
    return this.#pong;
  }

  /** Bytes that MLX holds, by the worker's last word; null while nothing is loaded. */
  get memoryBytes(): number | null {
    if (this.#loaded === null) return null;
    if (this.#pong === null) return this.#loaded.memory_bytes;
    return this.#pong.active_memory_bytes + this.#pong.cache_memory_bytes;
  }

  get healthy(): boolean {
    return this.state === 'ready' && this.#watch.isHealthy;
  }

  /** Seconds until it may be started again; 0 when it does not wait for that. */
  get restSeconds(): number {
    if (this.state !== 'backoff' && this.state !== 'broken') return 0;
    return Math.max(0, Math.ceil((this.#timerEndsAt - performance.now()) / 1000));
  }

  /** `byHand` also starts one that is broken. */
  start(byHand: boolean): void {
    this.#handle({ type: 'start', byHand });
  }

  stop(): void {
    this.#handle({ type: 'stop' });
  }

  /** Ends it without grace, for an agent that has to leave at once. */
  kill(): void {
    this.#process?.kill();
  }

  send(frame: WorkerRequest): void {
    this.#process?.send(frame);
  }

  /** What listeners cause while they are told of an event comes after all that the event itself brings. */
  #handle(event: WorkerEvent): void {
    this.#events.push(event);
    if (this.#events.length > 1) return;
    try {
      for (const next of this.#events) this.#apply(next);
    } finally {
      this.#events.length = 0;
    }
  }

  #apply(event: WorkerEvent): void {
    const { status, effects } = transition(this.#status, event, this.#times);
    if (status.state !== this.#status.state) {
      this.#options.log.info({ from: this.#status.state, to: status.state, event: event.type }, 'worker');
    }
    this.#status = status;
    if (status.state !== 'loading' && status.state !== 'ready') this.#watch.stop();
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: WorkerEffect): void {
    const { listener, log } = this.#options;
    switch (effect.type) {
      case 'spawn':
        this.#spawn();
        return;
      case 'send-load':
        this.send(this.#options.loadFrame());
        this.#watch.start();
        return;
      case 'terminate':
        this.#process?.terminate();
        return;
      case 'kill':
        this.#process?.kill();
        return;
      case 'timer':
        this.#startTimer(effect.event, effect.ms);
        return;
      case 'clear-timer':
        this.#clearTimer();
        return;
      case 'tell-ready':
        if (this.#loaded !== null) listener.ready(this.#loaded);
        return;
      case 'tell-load-failed':
        log.error({ reason: effect.details, retried: effect.mayRetry }, 'the model could not be loaded');
        this.#keepCrash(effect.message);
        listener.loadFailed(effect.message, effect.details, effect.mayRetry);
        return;
      case 'tell-crashed':
        log.error({ reason: effect.details }, 'the worker died');
        this.#keepCrash(effect.message);
        listener.crashed(effect.message);
        return;
      case 'tell-broken':
        log.error({ failures: effect.failures, rest: this.restSeconds }, 'the worker is broken');
        listener.broken(effect.failures, effect.message);
        return;
      case 'tell-stopped':
        listener.stopped();
        return;
      case 'tell-stuck':
        log.error({ pid: this.pid }, 'the worker was killed and does not end');
        listener.stuck();
        return;
      case 'tell-cooled-down':
        listener.cooledDown();
    }
  }

  #keepCrash(reason: string): void {
    this.#lastCrash = { at: new Date(), reason, log: this.#options.logFile.lastWords(CRASH_LINES) };
  }

  #spawn(): void {
    const { command, log, logFile } = this.#options;
    log.info({ python: command.python }, 'starting a worker');
    logFile.beginProcess();
    const process: WorkerProcess = new WorkerProcess(command, {
      frame: (frame) => {
        if (this.#process === process) this.#onFrame(frame);
      },
      garbage: (reason) => {
        if (this.#process === process) this.#handle({ type: 'misbehaved', reason });
      },
      log: (text) => {
        logFile.append(text);
      },
      exited: (description, isClean) => {
        if (this.#process === process) this.#onExit(description, isClean);
      },
    });
    this.#process = process;
  }

  #onFrame(frame: WorkerReply): void {
    const { listener } = this.#options;
    this.#watch.heard(frame);
    switch (frame.type) {
      case 'step':
        listener.outputs(frame.outputs);
        return;
      case 'started':
        listener.started(frame);
        return;
      case 'failed':
        listener.failed(frame);
        return;
      case 'tokenized':
      case 'detokenized':
      case 'embedded':
        listener.answered(frame);
        return;
      case 'pong':
        this.#pong = frame;
        return;
      case 'ready':
        this.#options.log.info({ versions: frame.versions, device: frame.device }, 'worker process ready');
        if (frame.protocol_version === PROTOCOL_VERSION) {
          this.#handle({ type: 'process-ready', modelBytes: this.#options.modelBytes() });
        } else {
          this.#handle({ type: 'load-failed', message: versionMismatch(frame.protocol_version) });
        }
        return;
      case 'loaded':
        // What was held while loading says nothing any more.
        this.#pong = null;
        this.#loaded = frame;
        this.#handle({ type: 'loaded' });
        return;
      case 'load_failed':
        this.#handle({ type: 'load-failed', message: frame.message });
    }
  }

  #onExit(description: string, isClean: boolean): void {
    const { logFile, memoryReturn } = this.#options;
    this.#process = null;
    this.#loaded = null;
    this.#pong = null;
    if (!isClean) memoryReturn.workerEnded();
    const lastWords = logFile.lastWords(LAST_WORDS).join(' | ');
    this.#handle({ type: 'exited', description, lastWords, at: performance.now() });
  }

  #startTimer(event: WorkerTimer, ms: number): void {
    this.#clearTimer();
    this.#timerEndsAt = performance.now() + ms;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (event === 'start-overdue') {
        this.#handle({ type: 'misbehaved', reason: `it did not start within ${String(ms / 1000)} s` });
      } else if (event === 'load-overdue') {
        const seconds = String(Math.round(ms / 100) / 10);
        this.#handle({ type: 'load-failed', message: `the worker did not load it within ${seconds} s` });
      } else if (event === 'backoff-elapsed') {
        void this.#endBackoff();
      } else {
        this.#handle({ type: event });
      }
    }, ms);
  }

  async #endBackoff(): Promise<void> {
    const { listener, memoryReturn, modelBytes } = this.#options;
    if (listener.isWanted()) await memoryReturn.settled(modelBytes());
    this.#handle({ type: 'backoff-elapsed', wanted: listener.isWanted() });
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

function versionMismatch(version: number): string {
  return `the worker speaks protocol ${String(version)} and the agent ${String(PROTOCOL_VERSION)}: deploy again`;
}
