import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { constants, createReadStream } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { Duplex, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { CountingStream } from './counting-stream.ts';
import type { Host, RunOptions, ScriptResult, UploadOptions } from './host.ts';
import { runScriptSession } from './script-session.ts';

/** This machine as a host. */
export class LocalHost implements Host {
  readonly name: string;
  readonly address = null;
  #closed = false;

  constructor(name: string) {
    this.name = name;
  }

  async run(script: string, options: RunOptions = {}): Promise<ScriptResult> {
    this.#assertOpen();
    options.signal?.throwIfAborted();
    // A session of its own: Ctrl-C in the operator's terminal must reach the script as the end of its stdin, so that it
    // can undo, and must not reach the service that the script starts.
    const child = spawn('/bin/sh', ['-s'], { cwd: '/', detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    return runScriptSession(
      {
        stdin: child.stdin,
        stdout: child.stdout,
        stderr: child.stderr,
        ended: ended(child),
        kill: () => child.kill('SIGKILL'),
      },
      script,
      options,
    );
  }

  /** Nothing connects to this machine, so there is nothing to make anew. */
  async runAnew(script: string, options: RunOptions = {}): Promise<ScriptResult> {
    return this.run(script, options);
  }

  async upload(localPath: string, remotePath: string, options: UploadOptions = {}): Promise<void> {
    this.#assertOpen();
    const offset = options.offset ?? 0;
    const part = `${remotePath}.part`;
    const held = await stat(part).then(
      ({ size }) => size,
      () => 0,
    );
    if (held < offset) {
      throw new CodedError(
        ERRORS.UPLOAD_FAILED,
        `${this.name}: ${part} holds ${String(held)} bytes, not ${String(offset)}`,
      );
    }
    try {
      await mkdir(dirname(part), { recursive: true, mode: 0o700 });
      // Neither cut off nor appended to: another upload of the same file may be under way.
      const file = await open(part, constants.O_WRONLY | constants.O_CREAT, 0o600);
      await pipeline(
        createReadStream(localPath, { start: offset }),
        new CountingStream(offset, options.onProgress),
        file.createWriteStream({ start: offset }),
        { signal: options.signal },
      );
    } catch (error) {
      options.signal?.throwIfAborted();
      const full = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
      throw new CodedError(
        full ? ERRORS.DISK_FULL : ERRORS.UPLOAD_FAILED,
        `${this.name}: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  }

  async openUnixSocket(path: string): Promise<Duplex> {
    this.#assertOpen();
    return this.#connect({ path });
  }

  async openLoopbackPort(port: number): Promise<Duplex> {
    this.#assertOpen();
    return this.#connect({ host: '127.0.0.1', port });
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async #connect(where: { path: string } | { host: string; port: number }): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const socket = connect(where);
      const refused = (error: Error): void => {
        reject(new CodedError(ERRORS.AGENT_UNHEALTHY, `${this.name}: ${error.message}`, { cause: error }));
      };
      socket.once('error', refused);
      socket.once('connect', () => {
        socket.off('error', refused);
        resolve(socket);
      });
    });
  }

  #assertOpen(): void {
    if (this.#closed) throw new CodedError(ERRORS.HOST_CLOSED, `${this.name}: the host was closed`);
  }
}

/** The child's own end, not that of its output: a background process of a foreign command may hold the pipes open. */
async function ended(child: ChildProcessByStdio<Writable, Readable, Readable>): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
    child.once('exit', (code) => {
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
        resolve(code);
      }, 1000).unref();
    });
  });
}
