import { readFile } from 'node:fs/promises';

/** Between two looks: a supervisor that has just started an agent needs a moment to note its id. */
const LOOK_MS = 500;

/** Whether the process whose id stands in a file has ended, seen twice in a row. */
export class ProcessWatch {
  readonly #file: string;
  #lookedAt = -Infinity;
  #misses = 0;

  constructor(file: string) {
    this.#file = file;
  }

  async isGone(): Promise<boolean> {
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_MS) return false;
    this.#lookedAt = now;
    const pid = Number(await readFile(this.#file, 'utf8').catch(() => ''));
    // No id yet is no end: the supervisor is still at it.
    this.#misses = pid > 0 && !isAlive(pid) ? this.#misses + 1 : 0;
    return this.#misses >= 2;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and is not ours.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
