import type { ClientChannel } from 'ssh2';
import type { ScriptProcess } from '../hosts/script-session.ts';

/**
 * How long output may pause after the script's end before the session is closed: a background process of a foreign
 * command may hold the pipes open for ever. Longer than a slow link takes to deliver what is on its way: 3 s.
 */
const QUIET_AFTER_EXIT_MS = 3000;

/** What a session asks of the connection that it belongs to. */
export interface SessionCarrier {
  /** Why a session ended without telling an exit code. */
  whyCutOff(): Error;
  /** Sends a signal, named without SIG, to the session's processes. */
  signal(channel: ClientChannel, name: string): void;
}

/** One session of a connection as a running script. */
export function sessionProcess(channel: ClientChannel, carrier: SessionCarrier): ScriptProcess {
  const ended = Promise.withResolvers<number | null>();
  let quiet: NodeJS.Timeout | undefined;
  channel.once('exit', (code: number | null) => {
    const waitForQuiet = (): void => {
      clearTimeout(quiet);
      quiet = setTimeout(() => {
        channel.close();
        ended.resolve(code);
      }, QUIET_AFTER_EXIT_MS);
    };
    waitForQuiet();
    channel.on('data', waitForQuiet);
    channel.stderr.on('data', waitForQuiet);
  });
  // Carries the exit code too, null for a signal: a session that ends at once may have ended before anybody listened.
  channel.once('close', (code: number | null | undefined) => {
    clearTimeout(quiet);
    if (code === undefined) ended.reject(carrier.whyCutOff());
    else ended.resolve(code);
  });
  // An upload may stop waiting before its session has ended.
  ended.promise.catch(() => undefined);
  return {
    stdin: channel,
    stdout: channel,
    stderr: channel.stderr,
    ended: ended.promise,
    kill: () => {
      clearTimeout(quiet);
      carrier.signal(channel, 'KILL');
      channel.close();
      ended.resolve(null);
    },
  };
}
