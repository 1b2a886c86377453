import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** A file that is there until it is let go of. */
export interface SpooledFile {
  /** Absolute. */
  readonly path: string;
  /** Of its bytes, hexadecimal. */
  readonly sha256: string;
  /** To be called once; the last holder's removes the file. */
  readonly release: () => void;
}

export interface SpoolOptions {
  /** Absolute; nothing else is kept in it. */
  readonly folder: string;
  /** Bytes of all files together. */
  readonly mostBytes: number;
  /** Default the file system's. */
  readonly write?: (file: string, bytes: Uint8Array) => Promise<void>;
}

/** For bytes that have no room beside those that are held. */
export class SpoolFull extends Error {}

interface Entry {
  readonly path: string;
  readonly bytes: number;
  holders: number;
  readonly written: Promise<void>;
}

/**
 * Files of running requests for workers to read, each under its SHA-256: requests with the same image share one. The only
 * writer of its folder.
 */
export class Spool {
  readonly #folder: string;
  readonly #mostBytes: number;
  readonly #write: (file: string, bytes: Uint8Array) => Promise<void>;
  readonly #entries = new Map<string, Entry>();
  /** Of all entries. */
  #bytes = 0;
  #isCleared = false;

  constructor({ folder, mostBytes, write = writeNew }: SpoolOptions) {
    this.#folder = folder;
    this.#mostBytes = mostBytes;
    this.#write = write;
  }

  /** Removes what an earlier agent left behind, before anything is held. */
  async prepare(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
    await makeFolder(this.#folder);
  }

  /** Removes everything, whoever holds it: the agent ends. */
  clear(): void {
    this.#isCleared = true;
    this.#entries.clear();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /**
   * Rejects with the file system's error when the bytes cannot be written; nothing is left of them then.
   * @throws SpoolFull.
   */
  async hold(bytes: Uint8Array): Promise<SpooledFile> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const entry = this.#entries.get(sha256) ?? this.#add(sha256, bytes);
    entry.holders += 1;
    try {
      await entry.written;
    } catch (error) {
      this.#release(sha256, entry);
      throw error;
    }
    return {
      path: entry.path,
      sha256,
      release: () => {
        this.#release(sha256, entry);
      },
    };
  }

  #add(sha256: string, bytes: Uint8Array): Entry {
    if (this.#bytes + bytes.length > this.#mostBytes) throw new SpoolFull();
    const file = path.join(this.#folder, sha256);
    const entry: Entry = {
      path: file,
      bytes: bytes.length,
      holders: 0,
      written: this.#writeWhole(file, bytes),
    };
    this.#entries.set(sha256, entry);
    this.#bytes += entry.bytes;
    return entry;
  }

  /** A worker never sees half a file. */
  async #writeWhole(file: string, bytes: Uint8Array): Promise<void> {
    const part = `${file}.part`;
    try {
      await this.#writePart(part, bytes);
      await rename(part, file);
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
  }

  /** Somebody may tidy up the folder of an agent that runs: that costs the requests of that moment, and no later ones. */
  async #writePart(part: string, bytes: Uint8Array): Promise<void> {
    try {
      await this.#write(part, bytes);
    } catch (error) {
      const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isGone || this.#isCleared) throw error;
      await makeFolder(this.#folder);
      await this.#write(part, bytes);
    }
  }

  #release(sha256: string, entry: Entry): void {
    entry.holders -= 1;
    if (entry.holders > 0) return;
    this.#entries.delete(sha256);
    this.#bytes -= entry.bytes;
    // In one go with forgetting it: otherwise the same bytes of a next request could be written before they are removed.
    rmSync(entry.path, { force: true });
  }
}

/** The owner's alone, whatever the umask. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
}

async function writeNew(file: string, bytes: Uint8Array): Promise<void> {
  await writeFile(file, bytes, { mode: 0o600, flag: 'wx' });
}
