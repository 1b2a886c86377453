import type { AnthropicEvent, StepOutput } from '@mlxfleet/protocol';
import { type AnswerBlock, AnswerBlocks, type BlockListener } from '../../answering/answer-blocks.ts';
import type { ClientGone } from '../../answering/client-gone.ts';
import type { EventStream } from '../../answering/event-stream.ts';
import type { AnswerSink, Finish, PromptCount, Summary } from '../../answering/generation.ts';
import type { ApiError } from '../../api-error.ts';
import { anthropicError } from './anthropic-errors.ts';
import {
  emptyBlock,
  finalUsage,
  isTold,
  messageEnd,
  newMessage,
  SIGNATURE,
  type ThinkingDisplay,
} from './message-object.ts';

export interface MessageStreamOptions {
  readonly stream: EventStream;
  readonly id: string;
  readonly model: string;
  readonly display: ThinkingDisplay;
  readonly requestId: string;
}

/** An event that says nothing. */
export const PING = 'event: ping\ndata: {"type":"ping"}\n\n';

/** Type and field of the deltas of a block. */
const DELTAS = {
  reasoning: '"type":"thinking_delta","thinking":',
  text: '"type":"text_delta","text":',
  call: '"type":"input_json_delta","partial_json":',
} as const;

/**
 * The events of a streamed message. Deltas are written by hand from prepared pieces: thousands of them leave the agent
 * each second, and only their text differs.
 */
export class MessageStream implements AnswerSink, BlockListener {
  readonly #options: MessageStreamOptions;
  readonly #blocks = new AnswerBlocks(this);
  /** Events since the last write. */
  #pending = '';
  /** Of the open block among those that are told. */
  #index = -1;
  /** What the deltas of the open block have in common. */
  #deltaHead = '';

  constructor(options: MessageStreamOptions) {
    this.#options = options;
  }

  started(_: number, prompt: PromptCount): void {
    const { id, model } = this.#options;
    this.#event({ type: 'message_start', message: newMessage(id, model, prompt) });
    this.#pending += PING;
    this.#flush();
  }

  output(_: number, output: StepOutput): void {
    this.#blocks.take(output);
    this.#flush();
  }

  finished(_: number, finish: Finish, last: Summary | null): void {
    this.#blocks.end(finish.reason !== 'length');
    if (last === null) return;
    const delta = messageEnd(this.#blocks.blocks, finish);
    this.#event({ type: 'message_delta', delta, usage: finalUsage(last), timings: last.timings });
    this.#event({ type: 'message_stop' });
  }

  done(): void {
    this.#options.stream.end(this.#pending);
  }

  failed(error: ApiError | ClientGone): void {
    const { requestId, stream } = this.#options;
    stream.fail(error, (told) => {
      this.#event(anthropicError(told, requestId));
      return this.#pending;
    });
  }

  opened(_: number, block: AnswerBlock): void {
    if (!isTold(block, this.#options.display)) return;
    this.#index += 1;
    const index = this.#index;
    this.#event({ type: 'content_block_start', index, content_block: emptyBlock(block) });
    const type = 'content_block_delta';
    this.#deltaHead = `event: ${type}\ndata: {"type":"${type}","index":${String(index)},"delta":{${DELTAS[block.kind]}`;
  }

  grown(_: number, block: AnswerBlock, text: string): void {
    if (block.kind === 'reasoning' && this.#options.display !== 'full') return;
    this.#pending += `${this.#deltaHead}${JSON.stringify(text)}}}\n\n`;
  }

  closed(_: number, block: AnswerBlock): void {
    if (!isTold(block, this.#options.display)) return;
    const index = this.#index;
    if (block.kind === 'reasoning') {
      const delta = { type: 'signature_delta', signature: SIGNATURE } as const;
      this.#event({ type: 'content_block_delta', index, delta });
    }
    this.#event({ type: 'content_block_stop', index });
  }

  #event(event: AnthropicEvent): void {
    this.#pending += `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
  }

  /** Reasoning that is not told writes nothing, so that pings go on. */
  #flush(): void {
    if (this.#pending === '') return;
    const events = this.#pending;
    this.#pending = '';
    this.#options.stream.write(events);
  }
}
