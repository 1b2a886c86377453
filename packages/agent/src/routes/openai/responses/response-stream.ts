import type { ChoiceLogprob, ResponseEvent, ResponseObject, StepOutput } from '@mlxfleet/protocol';
import { type AnswerBlock, AnswerBlocks, type BlockListener } from '../../../answering/answer-blocks.ts';
import type { ClientGone } from '../../../answering/client-gone.ts';
import type { EventStream } from '../../../answering/event-stream.ts';
import type { AnswerSink, Finish, Summary } from '../../../answering/generation.ts';
import type { FinishAnswer } from '../../../answering/whole-blocks.ts';
import type { ApiError } from '../../../api-error.ts';
import { failedResponse, itemId, outputItem, textPart } from './response-object.ts';

/** An event without its number. */
type Unnumbered<Event> = Event extends unknown ? Omit<Event, 'sequence_number'> : never;

const DELTA_TYPES = {
  reasoning: 'response.reasoning_text.delta',
  text: 'response.output_text.delta',
  call: 'response.function_call_arguments.delta',
} as const;

/**
 * The events of a streamed response. Deltas are written by hand from prepared pieces: thousands of them leave the agent
 * each second, and only their number and their text differ.
 */
export class ResponseStream implements AnswerSink, BlockListener {
  readonly #stream: EventStream;
  readonly #response: ResponseObject;
  readonly #finish: FinishAnswer<ResponseObject>;
  readonly #blocks = new AnswerBlocks(this);
  /** Events since the last write. */
  #pending = '';
  #number = 0;
  #created = false;
  /** What the deltas of the open block have in common, up to their number and behind it. */
  #deltaHead = '';
  #deltaTail = '';

  constructor(stream: EventStream, response: ResponseObject, finish: FinishAnswer<ResponseObject>) {
    this.#stream = stream;
    this.#response = response;
    this.#finish = finish;
  }

  started(): void {
    this.#created = true;
    this.#event({ type: 'response.created', response: this.#response });
    this.#event({ type: 'response.in_progress', response: this.#response });
    this.#flush();
  }

  output(_: number, output: StepOutput): void {
    this.#blocks.take(output);
    this.#flush();
  }

  finished(_: number, finish: Finish, last: Summary | null): void {
    this.#blocks.end(finish.reason !== 'length');
    if (last === null) return;
    const response = this.#finish(this.#blocks.blocks, finish, last);
    const type = response.status === 'incomplete' ? 'response.incomplete' : 'response.completed';
    this.#event({ type, response });
  }

  done(): void {
    this.#stream.end(this.#pending);
  }

  failed(error: ApiError | ClientGone): void {
    this.#stream.fail(error, (told) => {
      if (this.#created) {
        const response = failedResponse(this.#response, this.#blocks.blocks, told);
        this.#event({ type: 'response.failed', response });
      } else {
        const { message, param, code } = told.toBody().error;
        this.#event({ type: 'error', code, message, param });
      }
      return this.#pending;
    });
  }

  opened(place: number, block: AnswerBlock): void {
    const item_id = itemId(this.#response.id, block.kind, place);
    const item = outputItem(this.#response.id, place, block, 'in_progress');
    // Its content comes as a part.
    const bare = item.type === 'function_call' ? item : { ...item, content: [] };
    this.#event({ type: 'response.output_item.added', output_index: place, item: bare });
    if (block.kind !== 'call') {
      this.#event({ ...this.#part(place, block), type: 'response.content_part.added' });
    }
    const type = DELTA_TYPES[block.kind];
    const index = block.kind === 'call' ? {} : { content_index: 0 };
    this.#deltaHead = `event: ${type}\ndata: {"type":"${type}","sequence_number":`;
    this.#deltaTail = `,${JSON.stringify({ item_id, output_index: place, ...index }).slice(1, -1)},"delta":`;
  }

  grown(_: number, block: AnswerBlock, text: string, logprobs: readonly ChoiceLogprob[]): void {
    const extra =
      block.kind === 'text' ? `,"logprobs":${logprobs.length === 0 ? '[]' : JSON.stringify(logprobs)}` : '';
    const head = this.#deltaHead + String(this.#number);
    this.#number += 1;
    this.#pending += `${head}${this.#deltaTail}${JSON.stringify(text)}${extra}}\n\n`;
  }

  closed(place: number, block: AnswerBlock, isWhole: boolean): void {
    const { item_id, output_index, ...part } = this.#part(place, block);
    const at = { item_id, output_index };
    switch (block.kind) {
      case 'reasoning':
        this.#event({ type: 'response.reasoning_text.done', ...at, content_index: 0, text: block.text });
        break;
      case 'text': {
        const { text, logprobs } = block;
        this.#event({ type: 'response.output_text.done', ...at, content_index: 0, text, logprobs });
        break;
      }
      case 'call': {
        const { name, text } = block;
        this.#event({ type: 'response.function_call_arguments.done', ...at, name, arguments: text });
        break;
      }
    }
    if (block.kind !== 'call') this.#event({ type: 'response.content_part.done', ...at, ...part });
    const item = outputItem(this.#response.id, place, block, isWhole ? 'completed' : 'incomplete');
    this.#event({ type: 'response.output_item.done', output_index, item });
  }

  #part(
    place: number,
    block: AnswerBlock,
  ): Omit<Extract<ResponseEvent, { type: 'response.content_part.done' }>, 'type' | 'sequence_number'> {
    return {
      item_id: itemId(this.#response.id, block.kind, place),
      output_index: place,
      content_index: 0,
      part: block.kind === 'text' ? textPart(block) : { type: 'reasoning_text', text: block.text },
    };
  }

  #event({ type, ...fields }: Unnumbered<ResponseEvent>): void {
    const event = JSON.stringify({ type, sequence_number: this.#number, ...fields });
    this.#number += 1;
    this.#pending += `event: ${type}\ndata: ${event}\n\n`;
  }

  #flush(): void {
    if (this.#pending === '') return;
    const events = this.#pending;
    this.#pending = '';
    this.#stream.write(events);
  }
}
