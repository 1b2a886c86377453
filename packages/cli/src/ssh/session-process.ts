import type { ClientChannel } from 'ssh2';
import type { ScriptProcess } from '../hosts/script-session.ts';

/**
 * How long output may pause after the script's end before the session is closed: a background process of a foreign
 * command may hold the pipes open for ever. Longer than a slow link takes to deliver what is on its way: 3 s.
 */
const QUIET_AFTER_EXIT_MS = 3000;

/**
 * One session of a connection as a running script.
 * @param lossOf why the connection ended, or null while it is alive.
 * @param interrupt sends a signal, named without SIG, to the session's processes.
 */
export function sessionProcess(
  channel: ClientChannel,
  lossOf: () => Error | null,
  interrupt: (signal: string) => void,
): ScriptProcess {
  let isKilled = false;
  return {
    stdin: channel,
    stdout: channel,
    stderr: channel.stderr,
    ended: new Promise((resolve, reject) => {
      let quiet: NodeJS.Timeout | undefined;
      let exit: { readonly code: number | null } | null = null;
      const finish = (): void => {
        clearTimeout(quiet);
        if (exit !== null || isKilled) resolve(exit?.code ?? null);
        else reject(lossOf() ?? new Error('the session ended without an exit code'));
      };
      const waitForQuiet = (): void => {
        clearTimeout(quiet);
        quiet = setTimeout(() => {
          channel.close();
          finish();
        }, QUIET_AFTER_EXIT_MS);
      };
      channel.once('exit', (code: number | null) => {
        exit = { code };
        waitForQuiet();
        channel.on('data', waitForQuiet);
        channel.stderr.on('data', waitForQuiet);
      });
      channel.once('close', finish);
      channel.once('error', reject);
    }),
    kill: () => {
      isKilled = true;
      interrupt('KILL');
      channel.close();
    },
  };
}
