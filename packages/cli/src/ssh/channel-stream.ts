import { Duplex } from 'node:stream';
import type { Channel } from 'ssh2';

/**
 * A forwarded connection as an ordinary stream. ssh2's channels never say that they are destroyed, and a write to one
 * whose other end is gone is never answered; HTTP clients wait for both.
 */
export class ChannelStream extends Duplex {
  readonly #channel: Channel;
  readonly #lossOf: () => Error | null;

  /** @param lossOf why the connection under the channel ended, or null when only the channel did. */
  constructor(channel: Channel, lossOf: () => Error | null) {
    super({ allowHalfOpen: true });
    this.#channel = channel;
    this.#lossOf = lossOf;
    // A connection may be lost before whoever asked for the stream listens to it; the end still shows as 'close'.
    this.on('error', () => undefined);
    channel.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) channel.pause();
    });
    channel.once('end', () => this.push(null));
    channel.once('error', (error: Error) => this.destroy(error));
    channel.once('close', () => {
      const loss = lossOf();
      // What has arrived is still to be read; only then the stream is over.
      if (loss === null && this.readableEnded) this.destroy();
      else if (loss === null) this.once('end', () => this.destroy());
      else this.destroy(loss);
    });
  }

  override _read(): void {
    this.#channel.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (!this.#channel.writable) {
      done(this.#lossOf() ?? new Error('the other end closed the connection'));
      return;
    }
    this.#channel.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#channel.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#channel.destroy();
    done(error);
  }
}
