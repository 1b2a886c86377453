import type { Duplex } from 'node:stream';
import type { Channel, ClientChannel } from 'ssh2';
import { CodedError } from '@mlxfleet/protocol';
import type { ResolvedHost } from '../config/resolved-host.ts';
import { ERRORS } from '../errors.ts';
import type { Host, RunOptions, ScriptResult, UploadOptions } from '../hosts/host.ts';
import { runScriptSession } from '../hosts/script-session.ts';
import { ChannelStream } from './channel-stream.ts';
import { raceWithSignal } from './deadline.ts';
import { findRoute } from './route.ts';
import { sessionProcess } from './session-process.ts';
import { SHELL_COMMAND, startedShell } from './shell-start.ts';
import { SshConnection } from './ssh-connection.ts';
import type { SshContext } from './ssh-context.ts';
import { sendFile, uploadCommand } from './ssh-upload.ts';

/** A host reached over ssh: one connection, made at the first use, for everything; made anew after it was lost. */
export class SshHost implements Host {
  readonly name: string;
  readonly address: string;
  readonly #settings: ResolvedHost;
  readonly #inventory: readonly ResolvedHost[];
  readonly #context: SshContext;
  readonly #closing = new AbortController();
  #connection: Promise<SshConnection> | null = null;

  /** @param inventory every host, since a jump may name one. */
  constructor(settings: ResolvedHost, inventory: readonly ResolvedHost[], context: SshContext) {
    this.name = settings.name;
    this.address = settings.address ?? settings.name;
    this.#settings = settings;
    this.#inventory = inventory;
    const signals = [this.#closing.signal, ...(context.signal === undefined ? [] : [context.signal])];
    this.#context = { ...context, signal: AbortSignal.any(signals) };
  }

  async run(script: string, options: RunOptions = {}): Promise<ScriptResult> {
    const connection = await this.#connect(options.signal);
    return this.#runIn(connection, script, options);
  }

  async runAnew(script: string, options: RunOptions = {}): Promise<ScriptResult> {
    this.#assertOpen();
    const opening = this.#openConnection(() => undefined);
    const connection = await raceWithSignal(opening, options.signal);
    try {
      return await this.#runIn(connection, script, options);
    } finally {
      await connection.close();
    }
  }

  async upload(localPath: string, remotePath: string, options: UploadOptions = {}): Promise<void> {
    const part = `${remotePath}.part`;
    const command = uploadCommand(part, options.offset ?? 0);
    const connection = await this.#connect(options.signal);
    const channel = await this.#open(connection.exec(command), options.signal);
    const upload = { host: this.name, localPath, part, options };
    await sendFile(upload, channel, sessionProcess(channel, connection));
  }

  async openUnixSocket(path: string): Promise<Duplex> {
    return this.#forward((connection) => connection.forwardToSocket(path));
  }

  async openLoopbackPort(port: number): Promise<Duplex> {
    return this.#forward((connection) => connection.forwardToPort(port));
  }

  async close(): Promise<void> {
    this.#closing.abort(this.#closed());
    const connection = await this.#connection?.catch(() => null);
    await connection?.close();
  }

  async #forward(open: (connection: SshConnection) => Promise<Channel>): Promise<Duplex> {
    const connection = await this.#connect();
    try {
      return new ChannelStream(await open(connection), () => connection.loss);
    } catch (error) {
      // The host refuses because nobody listens there: the same to callers as on this machine.
      if (!(error instanceof CodedError) || error.code !== ERRORS.SESSION_REFUSED.code) throw error;
      throw new CodedError(ERRORS.AGENT_UNHEALTHY, error.message, { cause: error });
    }
  }

  async #runIn(connection: SshConnection, script: string, options: RunOptions): Promise<ScriptResult> {
    const channel = await this.#open(connection.exec(SHELL_COMMAND), options.signal);
    const shell = startedShell(sessionProcess(channel, connection), this.name);
    return runScriptSession(shell, script, options);
  }

  async #connect(signal?: AbortSignal): Promise<SshConnection> {
    this.#assertOpen();
    signal?.throwIfAborted();
    this.#connection ??= this.#makeConnection();
    return raceWithSignal(this.#connection, signal);
  }

  async #makeConnection(): Promise<SshConnection> {
    const forget = (): void => {
      this.#connection = null;
    };
    try {
      return await this.#openConnection(forget);
    } catch (error) {
      forget();
      throw error;
    }
  }

  async #openConnection(onClose: () => void): Promise<SshConnection> {
    const { env, signal } = this.#context;
    const finding = findRoute(this.#settings, { inventory: this.#inventory, env });
    const route = await raceWithSignal(finding, signal);
    return SshConnection.open(this.name, route, this.#context, onClose);
  }

  /** A session that opens after its caller has gone is closed again. */
  async #open(opening: Promise<ClientChannel>, signal: AbortSignal | undefined): Promise<ClientChannel> {
    try {
      return await raceWithSignal(opening, signal);
    } catch (error) {
      opening.then(
        (channel) => channel.close(),
        () => undefined,
      );
      throw error;
    }
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw this.#closed();
  }

  #closed(): CodedError {
    return new CodedError(ERRORS.HOST_CLOSED, `${this.name}: the host was closed`);
  }
}
