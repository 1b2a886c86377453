import { stat } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import type { Host, RunOptions, ScriptResult, UploadOptions } from '../../hosts/host.ts';

/** A host that counts what it is asked for. */
export class CountedHost implements Host {
  readonly #host: Host;
  /** Bytes of each upload, without those that the host held. */
  readonly uploads: number[] = [];
  /** Scripts and uploads. */
  sessions = 0;

  constructor(host: Host) {
    this.#host = host;
  }

  get name(): string {
    return this.#host.name;
  }

  get address(): string | null {
    return this.#host.address;
  }

  async run(script: string, options?: RunOptions): Promise<ScriptResult> {
    this.sessions += 1;
    return this.#host.run(script, options);
  }

  async runAnew(script: string, options?: RunOptions): Promise<ScriptResult> {
    this.sessions += 1;
    return this.#host.runAnew(script, options);
  }

  async upload(localPath: string, remotePath: string, options: UploadOptions = {}): Promise<void> {
    this.sessions += 1;
    this.uploads.push((await stat(localPath)).size - (options.offset ?? 0));
    return this.#host.upload(localPath, remotePath, options);
  }

  async openUnixSocket(path: string): Promise<Duplex> {
    return this.#host.openUnixSocket(path);
  }

  async openLoopbackPort(port: number): Promise<Duplex> {
    return this.#host.openLoopbackPort(port);
  }

  async close(): Promise<void> {
    return this.#host.close();
  }
}
