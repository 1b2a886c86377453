import type { FinishReason, ResponseTimings, Usage } from '@mlxfleet/protocol';
import type { ChatClient, ChatQuestion, ChatTurn } from './chat-client.ts';

/** A finished answer. */
export interface Answer {
  readonly content: string;
  readonly finishReason: FinishReason | null;
  readonly usage: Usage | null;
  readonly timings: ResponseTimings | null;
}

/** A conversation with one model on one host. */
export class Conversation {
  readonly #client: ChatClient;
  readonly #question: Omit<ChatQuestion, 'messages'>;
  readonly #turns: ChatTurn[];

  constructor(client: ChatClient, question: Omit<ChatQuestion, 'messages'>, system: string | undefined) {
    this.#client = client;
    this.#question = question;
    this.#turns = system === undefined ? [] : [{ role: 'system', content: system }];
  }

  /** Says and shows something, passes on the answer as it comes, and remembers both. A failed turn is forgotten. */
  async say(said: ChatTurn['content'], onText: (text: string) => void, signal: AbortSignal): Promise<Answer> {
    const messages: ChatTurn[] = [...this.#turns, { role: 'user', content: said }];
    let content = '';
    let last: Omit<Answer, 'content'> = { finishReason: null, usage: null, timings: null };
    for await (const chunk of this.#client.stream({ ...this.#question, messages }, signal)) {
      const [choice] = chunk.choices;
      const text = choice?.delta.content ?? '';
      if (text !== '') onText(text);
      content += text;
      last = {
        finishReason: choice?.finish_reason ?? last.finishReason,
        usage: chunk.usage ?? last.usage,
        timings: chunk.timings ?? last.timings,
      };
    }
    this.#turns.push({ role: 'user', content: said }, { role: 'assistant', content });
    return { content, ...last };
  }
}
