const MODULUS = 2 ** 32;

/** Numbers that look random and are the same for the same seed, on every machine. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed % MODULUS;
  }

  /** A whole number from 0, below `bound`. */
  below(bound: number): number {
    // The linear congruence of Numerical Recipes; its upper bits are the better ones.
    this.#state = (this.#state * 1_664_525 + 1_013_904_223) % MODULUS;
    return Math.floor((this.#state / MODULUS) * bound);
  }

  chance(probability: number): boolean {
    return this.below(MODULUS) < probability * MODULUS;
  }

  /** One of several values, each as likely as the others. */
  oneOf<Value>(values: readonly Value[]): Value {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new Error('there is nothing to choose from');
    return value;
  }
}
