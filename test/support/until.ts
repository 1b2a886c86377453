import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 200;

/**
 * Waits until nothing stands in the way, which null says; fails with the last obstacle. For tests that run side by side,
 * where `expect.poll` does not know which test it belongs to.
 */
export async function until(obstacle: () => Promise<string | null>, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await obstacle();
    if (found === null) return;
    if (performance.now() > deadline) throw new Error(`after ${String(timeoutMs / 1000)} s: ${found}`);
    await sleep(LOOK_EVERY_MS);
  }
}
