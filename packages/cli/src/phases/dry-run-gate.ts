/**
 * The one way in which a deploy changes anything on a host. In a dry run it is shut, so that a dry run is the deploy
 * itself up to the first change. Commands without a dry run do without it; what all share is the host's lock.
 */
export class DryRunGate {
  readonly #open: boolean;

  constructor(options: { readonly dryRun: boolean }) {
    this.#open = !options.dryRun;
  }

  /** Whether changes may be made. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** Makes the change. A call while the gate is shut is a fault of the caller's phase list. */
  async pass<Result>(change: () => Promise<Result>): Promise<Result> {
    if (!this.#open) throw new Error('a dry run tried to change a host');
    return change();
  }
}
