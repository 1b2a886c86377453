import type { FinishReason, ResponseTimings, Usage } from '@mlxfleet/protocol';
import type { FileAt } from './answer-error.ts';
import type { ChatClient, ChatQuestion, ChatTurn } from './chat-client.ts';
import type { UserMessage } from './message-parts.ts';

/** A finished answer. */
export interface Answer {
  readonly content: string;
  readonly finishReason: FinishReason | null;
  readonly usage: Usage | null;
  readonly timings: ResponseTimings | null;
}

interface Turn extends ChatTurn {
  /** Names of the files that its first parts show. */
  readonly files: readonly string[];
}

/** A conversation with one model on one host. */
export class Conversation {
  readonly #client: ChatClient;
  readonly #question: Omit<ChatQuestion, 'messages'>;
  readonly #turns: Turn[];

  constructor(client: ChatClient, question: Omit<ChatQuestion, 'messages'>, system: string | undefined) {
    this.#client = client;
    this.#question = question;
    this.#turns = system === undefined ? [] : [{ role: 'system', content: system, files: [] }];
  }

  /** Says and shows something, passes on the answer as it comes, and remembers both. A failed turn is forgotten. */
  async say(said: UserMessage, onText: (text: string) => void, signal: AbortSignal): Promise<Answer> {
    const turns: Turn[] = [...this.#turns, { role: 'user', ...said }];
    const messages = turns.map(({ role, content }): ChatTurn => ({ role, content }));
    let answered = '';
    let last: Omit<Answer, 'content'> = { finishReason: null, usage: null, timings: null };
    for await (const chunk of this.#client.stream({ ...this.#question, messages }, signal, fileIn(turns))) {
      const [choice] = chunk.choices;
      const text = choice?.delta.content ?? '';
      if (text !== '') onText(text);
      answered += text;
      last = {
        finishReason: choice?.finish_reason ?? last.finishReason,
        usage: chunk.usage ?? last.usage,
        timings: chunk.timings ?? last.timings,
      };
    }
    this.#turns.push({ role: 'user', ...said }, { role: 'assistant', content: answered, files: [] });
    return { content: answered, ...last };
  }
}

/** Finds the file of `messages.2.content.0`, or of a field below that. */
function fileIn(turns: readonly Turn[]): FileAt {
  return (param) => {
    const [, turn, part] = /^messages\.(\d+)\.content\.(\d+)(?:\.|$)/.exec(param) ?? [];
    return turns[Number(turn)]?.files[Number(part)] ?? null;
  };
}
