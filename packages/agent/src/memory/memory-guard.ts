import type { Logger } from 'pino';
import type { MemoryReading } from './memory-pressure.ts';
import type { Resident } from './memory-room.ts';
import type { MemoryVerdict } from './memory-verdict.ts';
import { guard, type GuardAction, type GuardState } from './pressure-policy.ts';

export interface MemoryGuardOptions {
  readonly read: () => Promise<MemoryReading>;
  readonly residents: () => readonly Resident[];
  /** What models may use together, bytes. */
  readonly limitBytes: number;
  /** Steady clock, milliseconds. */
  readonly now: () => number;
  readonly log: Logger;
  /** Where each judgement is put down. */
  readonly verdict: MemoryVerdict;
  /** Carries out one decision; it must not throw. */
  readonly act: (action: GuardAction) => void;
}

/** Between two looks while models hold memory, or it is short. */
const LOOK_MS = 2000;
/** Looks are rarer by so much when nothing is at stake: on a Mac each is two programs. */
const IDLE_TICKS = 5;

/** Looks at the memory of the machine again and again, and carries out what the policy decides. */
export class MemoryGuard {
  readonly #options: MemoryGuardOptions;
  #timer: NodeJS.Timeout | null = null;
  #isBlind = false;
  #isLooking = false;
  #skipped = 0;

  constructor(options: MemoryGuardOptions) {
    this.#options = options;
  }

  start(): void {
    this.stop();
    this.#timer = setInterval(() => {
      void this.#tick();
    }, LOOK_MS);
    // Looking at memory is no reason to stay.
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  async #tick(): Promise<void> {
    this.#skipped += 1;
    const isAtStake = this.#options.verdict.pressure !== 'normal' || this.#options.residents().length > 0;
    if (this.#isLooking || (!isAtStake && this.#skipped < IDLE_TICKS)) return;
    this.#skipped = 0;
    this.#isLooking = true;
    try {
      await this.look();
    } catch (error) {
      this.#options.log.error({ err: error }, 'the guard of memory failed');
    } finally {
      this.#isLooking = false;
    }
  }

  /** Looks once. Never rejects: without figures the last verdict stays. */
  async look(): Promise<void> {
    const { read, residents, limitBytes, now, act, log, verdict } = this.#options;
    let reading: MemoryReading;
    try {
      reading = await read();
      this.#isBlind = false;
    } catch (error) {
      if (!this.#isBlind) log.error({ err: error }, 'the memory of this machine cannot be read');
      this.#isBlind = true;
      return;
    }
    const before = verdict.state;
    const { state, actions } = guard(before, { reading, residents: residents(), limitBytes, now: now() });
    verdict.judge(state);
    this.#tell(before, reading);
    for (const action of actions) {
      log.warn({ ...action, pressure: state.pressure }, 'memory is short');
      act(action);
    }
  }

  #tell(before: GuardState, { availableBytes, stall }: MemoryReading): void {
    const { log, verdict } = this.#options;
    const { pressure, refusal } = verdict;
    if (pressure !== before.pressure) {
      log.info({ from: before.pressure, to: pressure, availableBytes, stall }, 'memory pressure');
    }
    if (refusal !== null && before.refusal === null) log.error({ reason: refusal }, 'refusing new requests');
    if (refusal === null && before.refusal !== null) log.info('taking requests again');
  }
}
