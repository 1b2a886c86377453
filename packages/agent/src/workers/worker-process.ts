import { type ChildProcess, spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import type { WorkerReply, WorkerRequest } from '@mlxfleet/protocol';
import { FrameLines } from './frame-lines.ts';
import { parseReply } from './parse-reply.ts';

/** How a worker is started. Every path is absolute: nothing depends on the working directory. */
export interface WorkerCommand {
  readonly python: string;
  /** Folder that holds the mlxfleet_worker package. */
  readonly source: string;
  readonly environment: Readonly<Record<string, string>>;
}

export interface WorkerProcessEvents {
  frame(frame: WorkerReply): void;
  /** It sent something that is not a frame, or a line without end. */
  garbage(reason: string): void;
  /** Text of stdout and stderr. */
  log(text: string): void;
  /** Once, after everything it sent; `isClean` when it ended by itself and without an error. */
  exited(description: string, isClean: boolean): void;
}

/** How long the pipes of an ended process may still deliver: a grandchild can hold them open for ever. */
const DRAIN_MS = 250;

/**
 * glibc raises by itself the size from which on a buffer is memory of its own, and then keeps what is freed between
 * others: the memory of a busy worker grows by a fifth in 10,000 requests. A bound that is given stays. Other systems
 * do not read it. See mallopt(3), M_MMAP_THRESHOLD.
 */
const ALLOCATOR = { MALLOC_MMAP_THRESHOLD_: String(4 * 1024 * 1024) };

/** One running worker: frames in and out, nothing decided. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #events: WorkerProcessEvents;
  #ended = false;
  #deaf = false;

  constructor(command: WorkerCommand, events: WorkerProcessEvents) {
    this.#events = events;
    // -P: modules come from the release, not from the folder that it runs in.
    this.#child = spawn(command.python, ['-u', '-P', '-m', 'mlxfleet_worker'], {
      cwd: '/',
      env: { ...ALLOCATOR, ...process.env, ...command.environment, PYTHONPATH: command.source },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    this.#listen();
  }

  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  send(frame: WorkerRequest): void {
    if (this.#child.stdin?.writable === true) this.#child.stdin.write(`${JSON.stringify(frame)}\n`);
  }

  /** Asks it to end, by end of stdin and by SIGTERM. What it still sends is not looked at. */
  terminate(): void {
    this.#deaf = true;
    this.#child.stdin?.end();
    this.#child.kill('SIGTERM');
    // A process that was stopped acts on it when it goes on.
    this.#child.kill('SIGCONT');
  }

  /** Ends it now. What it still sends is not looked at. */
  kill(): void {
    this.#deaf = true;
    this.#child.kill('SIGKILL');
  }

  #listen(): void {
    const child = this.#child;
    // Writing to a worker that has just died gives EPIPE here; its exit tells the story.
    child.stdin?.on('error', () => {});
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (text: string) => {
        this.#events.log(text);
      });
    }
    const lines = new FrameLines(
      (line) => {
        this.#onLine(line);
      },
      () => {
        this.#garbage('it sent a line without end');
      },
    );
    const replies = child.stdio[3];
    if (replies instanceof Readable) {
      replies.on('data', (bytes: Buffer) => {
        if (!this.#deaf) lines.push(bytes);
      });
      replies.on('error', () => {});
    }
    child.on('error', (error) => {
      if (child.pid === undefined) this.#end(`could not be started: ${error.message}`, false);
    });
    child.on('exit', (code, signal) => {
      const description = signal === null ? `exit code ${String(code)}` : `signal ${signal}`;
      const timer = setTimeout(() => {
        this.#end(description, code === 0);
      }, DRAIN_MS);
      child.once('close', () => {
        clearTimeout(timer);
        this.#end(description, code === 0);
      });
    });
  }

  #onLine(line: string): void {
    if (this.#deaf) return;
    const frame = parseReply(line);
    if (frame === null) this.#garbage('it sent something that is not a frame');
    else this.#events.frame(frame);
  }

  #garbage(reason: string): void {
    this.#deaf = true;
    this.#events.garbage(reason);
  }

  #end(description: string, isClean: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#deaf = true;
    for (const stream of this.#child.stdio) stream?.destroy();
    this.#events.exited(description, isClean);
  }
}
