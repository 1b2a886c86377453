import { setImmediate, setTimeout } from 'node:timers/promises';
import { quote } from '../remote-commands/quote.ts';
import { askAlone, type ToolAnswer, type ToolCall } from './ssh-tool-alone.ts';
import { askTogether, type WaitingCall } from './ssh-tool-batch.ts';

/**
 * Runs `ssh` or `ssh-keygen` for what they know, without input. Calls that are made at the same time, for many hosts,
 * are run together.
 * @throws CodedError SSH_MISSING when the program is not installed, SSH_CONFIG_INVALID when it does not end in time.
 */
export async function runSshTool(
  program: ToolCall['program'],
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ToolAnswer> {
  return new Promise((resolve, reject) => {
    const quoted = [program, ...words].map(quote).join(' ');
    const call: WaitingCall = { program, words, quoted, env, resolve, reject };
    const others = waiting.get(env);
    if (others === undefined) {
      const calls = [call];
      waiting.set(env, calls);
      void askSoon(calls, env);
    } else {
      others.push(call);
    }
  });
}

/** Calls that are not asked yet, by their environment: a command has one. */
const waiting = new Map<NodeJS.ProcessEnv, WaitingCall[]>();

/** Those that are being asked. */
const asking = new WeakMap<NodeJS.ProcessEnv, Promise<void>>();

/**
 * How long a call waits for company while others are being asked, in milliseconds: those of twenty hosts end one after
 * the other and lead to one question each. No host waits longer for one whose `Match exec` is slow.
 */
const COMPANY_MS = 100;

async function askSoon(calls: readonly WaitingCall[], env: NodeJS.ProcessEnv): Promise<void> {
  await setImmediate();
  await Promise.race([asking.get(env), setTimeout(COMPANY_MS, undefined, { ref: false })]);
  waiting.delete(env);
  const [first, ...more] = calls;
  if (first !== undefined && more.length === 0) first.resolve(askAlone(first));
  else asking.set(env, askTogether(calls, env));
}
