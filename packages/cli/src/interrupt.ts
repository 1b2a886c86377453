import { EXIT } from './exit-codes.ts';
import type { Output } from './output/output.ts';

export interface Interrupt {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Gives the signals back to the system. */
  dispose(): void;
}

const NOTICE_AFTER_MS = 400;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The first Ctrl-C asks commands to stop and undo what is half done; the second one ends the process at once. A
 * closed terminal (SIGHUP) and SIGTERM count as the first.
 */
export function installInterrupt(output: Output): Interrupt {
  const controller = new AbortController();
  let notice: NodeJS.Timeout | undefined;
  const onSignal = (): void => {
    if (controller.signal.aborted) {
      // The descriptors may still hold text for the person.
      process.exit(EXIT.interrupted);
    }
    controller.abort(new DOMException('Interrupted', 'AbortError'));
    if (output.stderr.isTTY !== true) return;
    // Most commands have ended before a person could read this.
    notice = setTimeout(() => {
      output.notice('\nStopping and undoing what is half done. Press Ctrl-C again to leave at once.');
    }, NOTICE_AFTER_MS);
    notice.unref();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    signal: controller.signal,
    dispose: () => {
      clearTimeout(notice);
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
}
