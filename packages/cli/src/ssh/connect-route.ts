import { isIPv6, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'ssh2';
import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';
import { Deadline, DeadlinePassed } from './deadline.ts';
import { gatherKeys } from './gather-keys.ts';
import { ClosedBeforeIdentification, openClient } from './open-client.ts';
import { openSocket } from './open-socket.ts';
import type { Hop, Route } from './route.ts';
import type { SshContext } from './ssh-context.ts';
import { unreachable } from './unreachable.ts';
import { lookUpHost } from './verify-host-key.ts';

const DEFAULT_LIMIT_MS = 10_000;

/**
 * How long a server that is busy with other logins (MaxStartups) is tried again: time for a fleet of dozens to get
 * through a jump host that takes a few at a time. The pauses grow from the first number to the second.
 */
const RETRY_FOR_MS = 8000;
const FIRST_PAUSE_MS = 150;
const LONGEST_PAUSE_MS = 1000;

/** The logins of a route: that of the host last, the jumps before it. */
export type Clients = readonly [Client, ...Client[]];

/**
 * Logs in to a host, jump by jump, within one deadline.
 * @throws CodedError; the reason of the context's signal when it aborts.
 */
export async function connectRoute(route: Route, context: SshContext): Promise<Clients> {
  const { connectTimeoutSeconds } = route.hop.config;
  const configured = connectTimeoutSeconds === null ? DEFAULT_LIMIT_MS : connectTimeoutSeconds * 1000;
  const deadline = new Deadline(context.deadlineMs ?? configured, context.signal);
  try {
    return await connectHop(route, context, deadline);
  } finally {
    deadline.end();
  }
}

async function connectHop(route: Route, context: SshContext, deadline: Deadline): Promise<Clients> {
  const before = route.via === null ? [] : await connectHop(route.via, context, deadline);
  const { hop } = route;
  try {
    const client = await logIn(hop, before.at(-1), context, deadline);
    const [first, ...rest] = before;
    return first === undefined ? [client] : [first, ...rest, client];
  } catch (error) {
    for (const client of before.toReversed()) client.destroy();
    if (error instanceof DeadlinePassed) throw unreachable(hop.name, placeOf(hop), error);
    if (error instanceof ClosedBeforeIdentification) throw dropped(hop, error);
    throw error;
  }
}

async function logIn(
  hop: Hop,
  jump: Client | undefined,
  context: SshContext,
  deadline: Deadline,
): Promise<Client> {
  // Looked up while the network works.
  const opening = openStream(hop, jump, deadline);
  const prepared = Promise.all([lookUpHost(hop, context), gatherKeys(hop, context, deadline)]);
  let stream: Duplex | null = null;
  try {
    const [opened, [acquaintance, gathered]] = await deadline.race(Promise.all([opening, prepared]));
    stream = opened;
    const openAnother = async (): Promise<Duplex> => openStream(hop, jump, deadline);
    const settings = { hop, place: placeOf(hop), acquaintance, gathered, context, deadline, openAnother };
    const begun = performance.now();
    for (let retry = 0; ; retry += 1) {
      // Hosts of a fleet behind one jump would otherwise all come back at the same moment.
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** retry, LONGEST_PAUSE_MS) * (0.5 + Math.random());
      try {
        return await openClient(stream, settings);
      } catch (error) {
        const isBusy = error instanceof ClosedBeforeIdentification;
        const isLate = performance.now() + pause - begun > RETRY_FOR_MS || pause > deadline.leftMs;
        if (!isBusy || isLate) throw error;
      }
      await sleep(pause, undefined, { signal: deadline.signal }).catch(() =>
        deadline.signal.throwIfAborted(),
      );
      stream = await openStream(hop, jump, deadline);
    }
  } catch (error) {
    stream?.destroy();
    // When the preparation failed first, what comes about later must not stay open.
    opening.then(
      (late) => late.destroy(),
      () => undefined,
    );
    throw error;
  }
}

async function openStream(hop: Hop, jump: Client | undefined, deadline: Deadline): Promise<Duplex> {
  const { hostname, port, family } = hop.config;
  if (jump !== undefined) return throughJump(hop, jump, deadline);
  try {
    const socket: Socket = await openSocket(hostname, port, family, deadline);
    return socket;
  } catch (error) {
    if (deadline.signal.aborted) throw error;
    throw unreachable(hop.name, placeOf(hop), error);
  }
}

async function throughJump(hop: Hop, jump: Client, deadline: Deadline): Promise<Duplex> {
  const { hostname, port } = hop.config;
  const opened = new Promise<Duplex>((resolve, reject) => {
    jump.forwardOut('127.0.0.1', 0, hostname, port, (error, channel) => {
      if (error === undefined) resolve(channel);
      else reject(error);
    });
  });
  try {
    return await deadline.race(opened);
  } catch (error) {
    if (deadline.signal.aborted) throw error;
    const reason = error instanceof Error ? error.message.replace(/^\(SSH\) /, '') : String(error);
    throw new CodedError(
      ERRORS.HOST_UNREACHABLE,
      `${hop.name}: ${placeOf(hop)} is not reached from the jump host: ${reason}`,
      { cause: error },
    );
  }
}

/** HOST_UNREACHABLE for a server that let nobody in until the retries were over. */
function dropped(hop: Hop, error: ClosedBeforeIdentification): CodedError {
  const said = error.message === '' ? '' : ` (it says: ${error.message})`;
  return new CodedError(
    ERRORS.HOST_UNREACHABLE,
    `${hop.name}: ${placeOf(hop)}: the server closes every connection before it says who it is${said}`,
    {
      hint: 'Too many others are logging in (MaxStartups in sshd_config), or the server does not let this machine in.',
      cause: error,
    },
  );
}

/** `name:port` as people write it. */
function placeOf(hop: Hop): string {
  const { hostname, port } = hop.config;
  return isIPv6(hostname) ? `[${hostname}]:${String(port)}` : `${hostname}:${String(port)}`;
}
