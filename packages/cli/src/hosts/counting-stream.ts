import { Transform, type TransformCallback } from 'node:stream';

/** Passes bytes on and reports how many there have been, counted from an offset. */
export class CountingStream extends Transform {
  #sent: number;
  readonly #onProgress: ((sentBytes: number) => void) | undefined;

  constructor(offset: number, onProgress: ((sentBytes: number) => void) | undefined) {
    super();
    this.#sent = offset;
    this.#onProgress = onProgress;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#sent += chunk.length;
    this.#onProgress?.(this.#sent);
    done(null, chunk);
  }
}
