import {
  type LoadFrame,
  PROTOCOL_VERSION,
  type StepOutput,
  type WorkerReply,
  type WorkerRequest,
  type WorkerState,
} from '@mlxfleet/protocol';
import type { Logger } from 'pino';
import type { LogFile } from './log-file.ts';
import { type WorkerCommand, WorkerProcess } from './worker-process.ts';
import {
  INITIAL_STATUS,
  transition,
  WORKER_TIMES,
  type WorkerEffect,
  type WorkerEvent,
  type WorkerStatus,
  type WorkerTimer,
  type WorkerTimes,
} from './worker-transition.ts';

type FrameOf<Type extends WorkerReply['type']> = Extract<WorkerReply, { type: Type }>;

/** What a worker tells the model that it serves. */
export interface WorkerListener {
  ready(loaded: FrameOf<'loaded'>): void;
  /** `details` say more, for those who run the host only. */
  loadFailed(message: string, details: string): void;
  /** It died while it served; what it held is lost. */
  crashed(message: string): void;
  stopped(): void;
  started(frame: FrameOf<'started'>): void;
  outputs(outputs: readonly StepOutput[]): void;
  failed(frame: FrameOf<'failed'>): void;
  /** Whether it should be started again after a failure. */
  isWanted(): boolean;
}

export interface WorkerOptions {
  readonly command: WorkerCommand;
  readonly loadFrame: LoadFrame;
  /** Bytes of what is to be loaded, asked for when the process is ready. */
  readonly modelBytes: () => number;
  readonly logFile: LogFile;
  readonly log: Logger;
  readonly listener: WorkerListener;
  readonly times?: WorkerTimes;
}

/** Seconds between pings, and how old an answer may be before the worker counts as unhealthy. */
const PING_MS = 5000;
const UNHEALTHY_MS = 15_000;
/** Silent for so long, it is replaced. A prefill step of a large model on a slow host takes its time. */
const SILENT_MS = 180_000;
/** Lines of its log that the status repeats. */
const LAST_WORDS = 3;

/** Supervises one worker process at a time: carries out what `transition` decides. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #times: WorkerTimes;
  #status: WorkerStatus = INITIAL_STATUS;
  #process: WorkerProcess | null = null;
  #timer: NodeJS.Timeout | null = null;
  #pinger: NodeJS.Timeout | null = null;
  #nonce = 0;
  #heardAt = 0;
  #backoffUntil = 0;
  #memoryBytes: number | null = null;
  #loaded: FrameOf<'loaded'> | null = null;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#times = options.times ?? WORKER_TIMES;
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

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Bytes that MLX holds, by the worker's last word; null while nothing is loaded. */
  get memoryBytes(): number | null {
    return this.#memoryBytes;
  }

  get healthy(): boolean {
    return this.state === 'ready' && performance.now() - this.#heardAt < UNHEALTHY_MS;
  }

  /** Seconds until it is tried again; 0 when it does not wait for that. */
  get backoffSeconds(): number {
    return this.state === 'backoff'
      ? Math.max(0, Math.ceil((this.#backoffUntil - performance.now()) / 1000))
      : 0;
  }

  start(): void {
    this.#handle({ type: 'start' });
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

  #handle(event: WorkerEvent): void {
    const { status, effects } = transition(this.#status, event, this.#times);
    if (status.state !== this.#status.state) {
      this.#options.log.info({ from: this.#status.state, to: status.state, event: event.type }, 'worker');
    }
    this.#status = status;
    if (status.state !== 'ready') this.#stopPinging();
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: WorkerEffect): void {
    const { listener } = this.#options;
    switch (effect.type) {
      case 'spawn':
        this.#spawn();
        return;
      case 'send-load':
        this.send(this.#options.loadFrame);
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
        this.#startPinging();
        if (this.#loaded !== null) listener.ready(this.#loaded);
        return;
      case 'tell-load-failed':
        this.#options.log.error({ reason: effect.details }, 'the model could not be loaded');
        listener.loadFailed(effect.message, effect.details);
        return;
      case 'tell-crashed':
        this.#options.log.error({ reason: effect.details }, 'the worker died');
        listener.crashed(effect.message);
        return;
      case 'tell-stopped':
        listener.stopped();
    }
  }

  #spawn(): void {
    const { command, log, logFile } = this.#options;
    log.info({ python: command.python }, 'starting a worker');
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
      exited: (description) => {
        if (this.#process === process) this.#onExit(description);
      },
    });
    this.#process = process;
  }

  #onFrame(frame: WorkerReply): void {
    const { listener } = this.#options;
    this.#heardAt = performance.now();
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
      case 'pong':
        this.#memoryBytes = frame.active_memory_bytes + frame.cache_memory_bytes;
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
        this.#memoryBytes = frame.memory_bytes;
        this.#loaded = frame;
        this.#handle({ type: 'loaded' });
        return;
      case 'load_failed':
        this.#handle({ type: 'load-failed', message: frame.message });
    }
  }

  #onExit(description: string): void {
    this.#process = null;
    this.#memoryBytes = null;
    const lastWords = this.#options.logFile.lastLines(LAST_WORDS).join(' | ');
    this.#handle({ type: 'exited', description, lastWords });
  }

  #startTimer(event: WorkerTimer, ms: number): void {
    this.#clearTimer();
    if (event === 'backoff-elapsed') this.#backoffUntil = performance.now() + ms;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (event === 'start-overdue') {
        this.#handle({ type: 'misbehaved', reason: `it did not start within ${String(ms / 1000)} s` });
      } else if (event === 'load-overdue') {
        const seconds = String(Math.round(ms / 100) / 10);
        this.#handle({ type: 'load-failed', message: `the worker did not load it within ${seconds} s` });
      } else if (event === 'backoff-elapsed') {
        this.#handle({ type: event, wanted: this.#options.listener.isWanted() });
      } else {
        this.#handle({ type: event });
      }
    }, ms);
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #startPinging(): void {
    this.#stopPinging();
    this.#pinger = setInterval(() => {
      if (performance.now() - this.#heardAt > SILENT_MS) {
        this.#handle({
          type: 'misbehaved',
          reason: `it has not answered for ${String(SILENT_MS / 1000)} s`,
        });
        return;
      }
      this.#nonce += 1;
      this.send({ type: 'ping', nonce: this.#nonce });
    }, PING_MS);
  }

  #stopPinging(): void {
    if (this.#pinger !== null) clearInterval(this.#pinger);
    this.#pinger = null;
  }
}

function versionMismatch(version: number): string {
  return `the worker speaks protocol ${String(version)} and the agent ${String(PROTOCOL_VERSION)}: deploy again`;
}
