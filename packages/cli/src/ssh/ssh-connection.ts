import type { Channel, Client, ClientChannel } from 'ssh2';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { connectRoute, type Clients } from './connect-route.ts';
import type { SessionCarrier } from './session-process.ts';
import { failureReason } from './unreachable.ts';
import type { Route } from './route.ts';
import type { SshContext } from './ssh-context.ts';

/** A login on a host, with the logins on the jump hosts that it goes through. */
export class SshConnection implements SessionCarrier {
  readonly #name: string;
  readonly #clients: Clients;
  readonly #client: Client;
  #loss: CodedError | null = null;
  #isClosing = false;

  private constructor(name: string, clients: Clients, onClose: () => void) {
    this.#name = name;
    this.#clients = clients;
    this.#client = clients.at(-1) ?? clients[0];
    let failure: Error | undefined;
    this.#client.on('error', (error) => {
      failure ??= error;
    });
    this.#client.once('close', () => {
      this.#loss = this.#lost(failure);
      for (const client of clients) client.destroy();
      onClose();
    });
  }

  /** @param onClose called once, however the connection ends. */
  static async open(
    name: string,
    route: Route,
    context: SshContext,
    onClose: () => void,
  ): Promise<SshConnection> {
    return new SshConnection(name, await connectRoute(route, context), onClose);
  }

  /** CONNECTION_LOST once the connection has ended, null before. */
  get loss(): CodedError | null {
    return this.#loss;
  }

  /** Why a session ended without an exit code. */
  whyCutOff(): CodedError {
    if (this.#loss !== null) return this.#loss;
    return new CodedError(ERRORS.CONNECTION_LOST, `${this.#name}: the host cut the session off`);
  }

  /** Runs a command line by the user's login shell. */
  async exec(command: string): Promise<ClientChannel> {
    return this.#ask<ClientChannel>('run a command', (done) => this.#client.exec(command, done));
  }

  async forwardToSocket(path: string): Promise<Channel> {
    return this.#ask<Channel>(`connect to ${path}`, (done) =>
      this.#client.openssh_forwardOutStreamLocal(path, done),
    );
  }

  async forwardToPort(port: number): Promise<Channel> {
    return this.#ask<Channel>(`connect to port ${String(port)}`, (done) =>
      this.#client.forwardOut('127.0.0.1', 0, '127.0.0.1', port, done),
    );
  }

  /** Sends a signal to a session's processes. */
  signal(channel: ClientChannel, name: string): void {
    // The channel's own signal() does nothing once stdin has ended, which is when a script has to be stopped.
    const { outgoing } = channel;
    const id = isNumbered(outgoing) ? outgoing.id : null;
    const protocol: unknown = Reflect.get(this.#client, '_protocol');
    if (id !== null && canSignal(protocol)) protocol.signal(id, name);
  }

  /** Says goodbye and waits until the connection is gone. */
  async close(): Promise<void> {
    if (this.#loss !== null) return;
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => {
      this.#client.once('close', () => resolve());
    });
    const giveUp = setTimeout(() => {
      for (const client of this.#clients.toReversed()) client.destroy();
    }, GOODBYE_MS);
    this.#client.end();
    await closed;
    clearTimeout(giveUp);
  }

  async #ask<T>(
    what: string,
    start: (done: (error: Error | undefined, result: T) => void) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      try {
        start((error, result) => {
          if (error === undefined) resolve(result);
          else reject(this.#loss ?? this.#refusal(what, error));
        });
      } catch (error) {
        reject(this.#loss ?? this.#lost(error instanceof Error ? error : undefined));
      }
    });
  }

  #refusal(what: string, error: Error): CodedError {
    const reason = error.message.replace(/^\(SSH\) /, '');
    return new CodedError(ERRORS.SESSION_REFUSED, `${this.#name}: the host refuses to ${what}: ${reason}`, {
      cause: error,
    });
  }

  #lost(cause: Error | undefined): CodedError {
    if (this.#isClosing) return new CodedError(ERRORS.HOST_CLOSED, `${this.#name}: the host was closed`);
    const reason = cause === undefined ? 'the other side closed it' : failureReason(cause);
    const message = `${this.#name}: the connection was lost: ${reason}`;
    return new CodedError(ERRORS.CONNECTION_LOST, message, { cause });
  }
}

/** A host that is off the network does not answer a goodbye. */
const GOODBYE_MS = 500;

function isNumbered(value: unknown): value is { readonly id: number } {
  return typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'number';
}

function canSignal(value: unknown): value is { signal(channel: number, name: string): void } {
  return (
    typeof value === 'object' && value !== null && 'signal' in value && typeof value.signal === 'function'
  );
}
