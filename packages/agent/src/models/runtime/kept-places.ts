/**
 * Places of a queue that are kept for requests which are not in it yet: their images are being taken, which is work that a
 * request without a place must not cause.
 */
export class KeptPlaces {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Gives what lets go of them; calling it again does nothing. */
  keep(places: number): () => void {
    let kept = places;
    this.#count += kept;
    return () => {
      this.#count -= kept;
      kept = 0;
    };
  }
}
