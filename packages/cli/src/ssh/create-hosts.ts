import type { ResolvedHost } from '../config/resolved-host.ts';
import { KnownHostsRecorder } from './known-hosts-recorder.ts';
import { type Prompts, Questions } from './questions.ts';
import type { SshContext } from './ssh-context.ts';
import { SshHost } from './ssh-host.ts';
import type { Host } from '../hosts/host.ts';
import { LocalHost } from '../hosts/local-host.ts';

export interface HostSelection {
  /** Hosts to make, in this order. */
  readonly selected: readonly ResolvedHost[];
  /** Every host of the inventory: a jump may name one that is not selected. */
  readonly all: readonly ResolvedHost[];
}

export interface HostOptions extends Prompts {
  /** Records unknown host keys without asking. */
  readonly acceptNew: boolean;
  /** Milliseconds for a connection, jumps included; unset takes ssh_config's ConnectTimeout, or 10 s. */
  readonly deadlineMs?: number;
  /** Gives up connections that are being made; those that exist go on, so that scripts can put things back. */
  readonly signal?: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The way to each selected host. Nothing connects before it is used; the caller closes every host. */
export function createHosts(selection: HostSelection, options: HostOptions): Host[] {
  const { acceptNew, deadlineMs, signal, env } = options;
  const context: SshContext = {
    env,
    acceptNew,
    questions: new Questions(options),
    recorder: new KnownHostsRecorder(),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(signal === undefined ? {} : { signal }),
  };
  return selection.selected.map((host) =>
    host.connection === 'local' ? new LocalHost(host.name) : new SshHost(host, selection.all, context),
  );
}
