import type { Duplex } from 'node:stream';
import type { Host, RunOptions, ScriptResult } from '../host.ts';

/** Scripts that a fake host tells apart. */
export type FakeScript = 'facts' | 'apply' | 'rollback' | 'other';

/** What a script answers: messages and an exit code, or an error in place of the session. */
export type FakeAnswer =
  | { readonly messages: readonly object[]; readonly exitCode?: number }
  | { readonly error: Error };

/** A host in memory: it answers scripts from a table and remembers what was asked of it. */
export class FakeHost implements Host {
  readonly name: string;
  readonly address: string;
  /** Scripts that were run, in order. */
  readonly ran: FakeScript[] = [];
  readonly uploads: string[] = [];
  readonly #answer: (script: FakeScript) => FakeAnswer | Promise<FakeAnswer>;

  constructor(name: string, answer: (script: FakeScript) => FakeAnswer | Promise<FakeAnswer>) {
    this.name = name;
    this.address = `${name}.test`;
    this.#answer = answer;
  }

  async run(script: string, options: RunOptions = {}): Promise<ScriptResult> {
    const kind = kindOf(script);
    this.ran.push(kind);
    const answer = await this.#answer(kind);
    if ('error' in answer) throw answer.error;
    const exitCode = answer.exitCode ?? 0;
    const lines = [
      'Last login: noise of a profile',
      sentinel(script, 'BEGIN'),
      ...answer.messages.map((message) => JSON.stringify(message)),
      `${sentinel(script, 'END')} ${String(exitCode)}`,
    ];
    for (const line of lines) options.onLine?.(line, () => undefined);
    return { exitCode, stdout: `${lines.join('\n')}\n`, stderr: '' };
  }

  async runAnew(script: string, options: RunOptions = {}): Promise<ScriptResult> {
    return this.run(script, options);
  }

  async upload(_localPath: string, remotePath: string): Promise<void> {
    this.uploads.push(remotePath);
  }

  async openUnixSocket(): Promise<Duplex> {
    throw new Error('a fake host has no sockets');
  }

  async openLoopbackPort(): Promise<Duplex> {
    throw new Error('a fake host has no ports');
  }

  async close(): Promise<void> {
    // Nothing is open.
  }
}

function kindOf(script: string): FakeScript {
  if (script.includes('apply_switch()')) return 'apply';
  if (script.includes('rollback_origin()')) return 'rollback';
  return script.includes('facts_system()') ? 'facts' : 'other';
}

function sentinel(script: string, which: 'BEGIN' | 'END'): string {
  return new RegExp(`^SENTINEL_${which}='(.*)'$`, 'm').exec(script)?.[1] ?? '';
}
