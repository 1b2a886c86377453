/** Milliseconds left until a deadline of the steady clock, at least one: none would be no limit. */
export function remaining(deadline: number): number {
  return Math.max(1, Math.floor(deadline - performance.now()));
}
