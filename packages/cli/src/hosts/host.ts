import type { Duplex } from 'node:stream';

/** What a script left behind. */
export interface ScriptResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /**
   * Called with each complete line of stdout as it arrives, without the line feed. `say` writes a line to the script's
   * stdin, where that is held open.
   */
  readonly onLine?: (line: string, say: (line: string) => void) => void;
  /** Same for stderr. */
  readonly onErrorLine?: (line: string) => void;
  /**
   * Keeps the script's stdin open after its text, so that the script sees end of file when the operator goes away.
   * Without it stdin ends with the script.
   */
  readonly holdStdin?: boolean;
  /** Ends stdin, then the session. The promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface UploadOptions {
  /** Bytes that the host already holds in `<path>.part`, at least; sending starts there and overwrites what is behind. */
  readonly offset?: number;
  readonly onProgress?: (sentBytes: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * A way to one host: ssh, this machine, or memory in tests. Everything above it is the same code. Connecting happens
 * at the first use; every method rejects with a CodedError that names the host when it cannot be reached.
 */
export interface Host {
  /** Name in the inventory. */
  readonly name: string;
  /** Address as shown to people; null for this machine. */
  readonly address: string | null;
  /** Sends the script to `/bin/sh -s` in one session, and answers when it has ended. */
  run(script: string, options?: RunOptions): Promise<ScriptResult>;
  /** The same over a connection made for this call alone: that it answers shows that the host still lets one in. */
  runAnew(script: string, options?: RunOptions): Promise<ScriptResult>;
  /** Writes a local file to `<remotePath>.part` in one session; checking and publishing is the caller's script. */
  upload(localPath: string, remotePath: string, options?: UploadOptions): Promise<void>;
  /** Opens a byte stream to a Unix socket on the host (absolute path). */
  openUnixSocket(path: string): Promise<Duplex>;
  /** Opens a byte stream to a TCP port on the host's loopback. */
  openLoopbackPort(port: number): Promise<Duplex>;
  /** Ends the connection; later uses reject. */
  close(): Promise<void>;
}
