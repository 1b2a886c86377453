/** Reads the fields of ssh's wire form one after the other; null once there are too few bytes. */
export class WireReader {
  readonly #bytes: Buffer;
  /** Where the next field begins. */
  position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** A text or a number of any length: four bytes that count its own. */
  bytes(): Buffer | null {
    const length = this.uint32();
    if (length === null || this.position + length > this.#bytes.length) return null;
    this.position += length;
    return this.#bytes.subarray(this.position - length, this.position);
  }

  text(): string | null {
    return this.bytes()?.toString('utf8') ?? null;
  }

  uint32(): number | null {
    if (this.position + 4 > this.#bytes.length) return null;
    this.position += 4;
    return this.#bytes.readUInt32BE(this.position - 4);
  }

  uint64(): bigint | null {
    if (this.position + 8 > this.#bytes.length) return null;
    this.position += 8;
    return this.#bytes.readBigUInt64BE(this.position - 8);
  }

  get isAtEnd(): boolean {
    return this.position === this.#bytes.length;
  }
}

/** A field of ssh's wire form. */
export function wireField(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
